package chromium

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Page is a tab. Faults are what went wrong in it that no user sees.
type Page struct {
	browser *Browser
	session string
	origin  string

	mu     sync.Mutex
	faults []string
	asked  map[string]string // requests under way, by id
}

// Open opens a tab that is to stay in an origin. Before each document it runs script.
func (b *Browser) Open(ctx context.Context, origin, script string) (*Page, error) {
	var target struct{ TargetID string }
	if err := b.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	var attached struct{ SessionID string }
	if err := b.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return nil, err
	}
	p := &Page{browser: b, session: attached.SessionID, origin: origin, asked: map[string]string{}}
	b.mu.Lock()
	b.pages[p.session] = p
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		if err := p.call(ctx, domain+".enable", nil, nil); err != nil {
			return nil, err
		}
	}
	watch := `addEventListener("securitypolicyviolation", e => console.error("policy: " + e.violatedDirective + " " + e.blockedURI + " " + e.sample));`
	return p, p.call(ctx, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": watch + script}, nil)
}

func (p *Page) call(ctx context.Context, method string, params, result any) error {
	return p.browser.call(ctx, p.session, method, params, result)
}

// event notes what went wrong: errors in the console, exceptions, and requests to
// other origins. That the server answers with an error is no fault of the page.
func (p *Page) event(m *message) {
	var e struct {
		Type, Text string
		Args       []struct{ Value, Description any }
		Entry      struct{ Level, Source, Text, URL string }
		Request    struct{ URL string }
		Exception  struct {
			Text      string
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	if json.Unmarshal(m.Params, &e) != nil {
		return
	}
	switch {
	case m.Method == "Runtime.consoleAPICalled" && (e.Type == "error" || e.Type == "warning"):
		p.fault(fmt.Sprintf("console %s: %v", e.Type, e.Args))
	case m.Method == "Runtime.exceptionThrown":
		p.fault("exception: " + e.Exception.Text + " " + e.Exception.Exception.Description)
	case m.Method == "Log.entryAdded" && e.Entry.Level == "error" && e.Entry.Source != "network":
		p.fault("log: " + e.Entry.Text + " " + e.Entry.URL)
	case m.Method == "Network.requestWillBeSent" && !p.own(e.Request.URL):
		p.fault("a request to " + e.Request.URL)
	}
}

func (p *Page) own(url string) bool {
	return len(url) >= len(p.origin) && url[:len(p.origin)] == p.origin || url == "about:blank" || len(url) > 5 && url[:5] == "data:"
}

func (p *Page) fault(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, what)
}

// Faults returns what went wrong since it was asked last.
func (p *Page) Faults() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	faults := p.faults
	p.faults = nil
	return faults
}

// Look makes the window of a size and prefers a scheme, "light" or "dark".
func (p *Page) Look(ctx context.Context, size Size, scheme string) error {
	params := map[string]any{"width": size.Width, "height": size.Height, "deviceScaleFactor": 1, "mobile": size.Mobile}
	if err := p.call(ctx, "Emulation.setDeviceMetricsOverride", params, nil); err != nil {
		return err
	}
	features := []map[string]any{{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}
	return p.call(ctx, "Emulation.setEmulatedMedia", map[string]any{"features": features}, nil)
}

// Go navigates to an address.
func (p *Page) Go(ctx context.Context, url string) error {
	return p.call(ctx, "Page.navigate", map[string]any{"url": url}, nil)
}

// Evaluate runs an expression and decodes its value into result, unless that is
// nil. A promise is waited for.
func (p *Page) Evaluate(ctx context.Context, expression string, result any) error {
	var got struct {
		Result    struct{ Value json.RawMessage }
		Exception *struct {
			Text      string
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	err := p.call(ctx, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &got)
	switch {
	case err != nil:
		return err
	case got.Exception != nil:
		return fmt.Errorf("%s: %s %s", expression, got.Exception.Text, got.Exception.Exception.Description)
	case result == nil || got.Result.Value == nil:
		return nil
	}
	return json.Unmarshal(got.Result.Value, result)
}

// Until waits for an expression to be true; one that throws is not. It asks the
// page each time that it has drawn, or when it draws nothing for a while, and
// fails with what the page shows.
func (p *Page) Until(ctx context.Context, expression string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		var yes bool
		err := p.Evaluate(ctx, "new Promise(r => requestAnimationFrame(() => r(!!("+expression+"))))", &yes)
		if err == nil && yes {
			return nil
		}
		if ctx.Err() != nil {
			var text string
			_ = p.Evaluate(context.WithoutCancel(ctx), "document.body.innerText", &text)
			return fmt.Errorf("it never became true: %s (%v); the page has:\n%.4000s", expression, err, text)
		}
	}
}

// Press types one key, with the text that it makes.
func (p *Page) Press(ctx context.Context, key string) error {
	down := map[string]any{"type": "keyDown", "key": key}
	if len(key) == 1 {
		down["text"] = key
	}
	if key == "Enter" {
		down["text"], down["windowsVirtualKeyCode"], down["code"] = "\r", 13, "Enter"
	}
	codes := map[string]int{"Escape": 27, "Tab": 9}
	if code, ok := codes[key]; ok {
		down["windowsVirtualKeyCode"], down["code"] = code, key
	}
	if err := p.call(ctx, "Input.dispatchKeyEvent", down, nil); err != nil {
		return err
	}
	return p.call(ctx, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
}

// Type inserts text where the focus is.
func (p *Page) Type(ctx context.Context, text string) error {
	return p.call(ctx, "Input.insertText", map[string]any{"text": text}, nil)
}

// Click clicks with the mouse on the first element that a selector finds and whose text has what
// is given. A click that misses it, because the page moved it meanwhile, is repeated.
func (p *Page) Click(ctx context.Context, selector, text string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found := fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(e => (e.textContent + " " + (e.getAttribute("aria-label") ?? "")).includes(%q) && e.getClientRects().length)`, selector, text)
	for {
		if err := p.Until(ctx, found+`[0]`); err != nil {
			return err
		}
		var at struct{ X, Y float64 }
		err := p.Evaluate(ctx, `(() => { window.clicked = "no"; const e = `+found+`[0];
			addEventListener("click", c => { if (`+found+`.some(e => e.contains(c.target))) window.clicked = "yes"; }, {capture: true, once: true});
			e.scrollIntoView({block: "center", inline: "nearest"}); const r = e.getBoundingClientRect(); return {x: r.x + Math.min(r.width / 2, 40), y: r.y + r.height / 2}; })()`, &at)
		if err != nil {
			return err
		}
		for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
			params := map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}
			if err := p.call(ctx, "Input.dispatchMouseEvent", params, nil); err != nil {
				return err
			}
		}
		var missed bool
		if err := p.Evaluate(ctx, `window.clicked === "no"`, &missed); err != nil || !missed { // another document has no such variable
			return err
		}
	}
}

// Away moves the mouse to where nothing is.
func (p *Page) Away(ctx context.Context) error {
	return p.call(ctx, "Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": 1, "y": 1}, nil)
}

// Screenshot returns a picture of the window, as PNG.
func (p *Page) Screenshot(ctx context.Context) ([]byte, error) {
	var shot struct{ Data string }
	if err := p.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png"}, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}

// BypassPolicy lets scripts in that the page's policy would not: those of the tests.
func (p *Page) BypassPolicy(ctx context.Context) error {
	return p.call(ctx, "Page.setBypassCSP", map[string]any{"enabled": true}, nil)
}

// Frames returns how long the page took from an action to the frame that shows its
// effect: it runs action, waits until expression is true, and for the next frame.
func (p *Page) Frames(ctx context.Context, action, expression string) (time.Duration, error) {
	var ms float64
	script := fmt.Sprintf(`new Promise(done => { const t = performance.now(); (() => { %s })(); (function look() {
		if (%s) requestAnimationFrame(() => done(performance.now() - t)); else setTimeout(look, 1); })(); })`, action, expression)
	err := p.Evaluate(ctx, script, &ms)
	return time.Duration(ms * float64(time.Millisecond)), err
}

// Fill types text into the field that a selector finds, in place of what it has.
func (p *Page) Fill(ctx context.Context, selector, text string) error {
	if err := p.Until(ctx, fmt.Sprintf("document.querySelector(%q)", selector)); err != nil {
		return err
	}
	if err := p.Evaluate(ctx, fmt.Sprintf("(() => { const e = document.querySelector(%q); e.focus(); e.select(); })()", selector), nil); err != nil {
		return err
	}
	return p.Type(ctx, text)
}

// Sees waits until the page shows a text, in which every space is a plain one.
func (p *Page) Sees(ctx context.Context, text string) error {
	return p.Until(ctx, fmt.Sprintf(`document.body.innerText.replaceAll("\u00a0", " ").includes(%q)`, text))
}
