package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/console/chromium"
)

// steps are what a user does, one after the other.
type steps struct {
	w *consoleWorld
	p *chromium.Page
}

func (s *steps) at(address string) *steps {
	s.w.t.Helper()
	s.w.must(s.p.Evaluate(s.w.ctx, "location.hash = "+quoted(address), nil))
	return s
}

func (s *steps) click(selector, text string) *steps {
	s.w.t.Helper()
	s.w.must(s.p.Click(s.w.ctx, selector, text))
	return s
}

func (s *steps) sees(text string) *steps {
	s.w.t.Helper()
	s.w.must(s.p.Sees(s.w.ctx, text))
	return s
}

func (s *steps) until(expression string) *steps {
	s.w.t.Helper()
	s.w.must(s.p.Until(s.w.ctx, expression))
	return s
}

func (s *steps) fill(selector, text string) *steps {
	s.w.t.Helper()
	s.w.must(s.p.Fill(s.w.ctx, selector, text))
	return s
}

func (s *steps) press(keys ...string) *steps {
	s.w.t.Helper()
	for _, k := range keys {
		s.w.must(s.p.Press(s.w.ctx, k))
	}
	return s
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always can
	}
	return string(b)
}

// get is the server's answer, with the key.
func (w *consoleWorld) get(path string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, w.server.url()+path, nil)
	w.must(err)
	resp, err := w.client.Do(req)
	w.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.must(err)
	return string(body)
}

// TestConsoleWork does everything that the console can do, by mouse and keyboard.
func TestConsoleWork(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	p := w.open("", chromium.Desktop, "light")
	s := &steps{w, p}

	// The key is asked for, and the page behind stays.
	s.sees("the server needs a key").fill("dialog input", "wrong").press("Enter").sees("the server does not take this key")
	s.fill("dialog input", secret).press("Enter").until(`!document.querySelector("dialog")`).sees("healthy")

	// The keyboard leads everywhere.
	s.press("g", "t").until(`location.hash === "#/topics"`).until(`document.querySelectorAll("tr[data-row]").length > 20`)
	s.press("/").until(`document.activeElement.id === "search"`)
	w.must(p.Type(w.ctx, "order"))
	s.press("Enter").until(`location.hash.includes("contains=order")`).until(`document.querySelectorAll("tr[data-row]").length === 1`)
	s.press("Escape", "j", "Enter").until(`location.hash.startsWith("#/topics/orders")`)
	s.press("?").sees("Keys of one letter are on").press("Escape").until(`!document.querySelector("dialog")`)
	s.press("u").sees("UTC").press("u").press(" ").sees("paused").press(" ")

	// What is written is what stands in the editor.
	payload := `{"big": 12345678901234567890, "twice": 1.0, "twice": 2, "A": "\u0041", "end": "</script>"}`
	s.click("main button", "Write").fill("dialog textarea", payload+"x").sees("column")
	s.fill("dialog textarea", payload).sees("It is JSON").fill("dialog .field input", "by-hand").click("dialog button", "Write 1 record").sees("written as seq 61")
	if got := w.get("/v0/topics/orders/diff?from_seq=60&include_tags=true"); !strings.Contains(got, payload) || !strings.Contains(got, `"by-hand"`) {
		t.Errorf("stored is %s", got)
	}
	w.must(p.Away(w.ctx))
	s.click("td button", "61").until(`document.querySelector("pre.data")?.textContent.includes('"big": 12345678901234567890')`)
	s.click(".detail button", "raw").until(`document.querySelector("pre.data").textContent === ` + quoted(payload))
	w.picture(p, "payload")
	s.click(".detail button", "copy").until(`document.body.innerText.includes("copied") || document.querySelector("dialog textarea")`).press("Escape")

	// Only what was changed of a config is sent.
	s.click("main button", "Config").until(`document.querySelector("dialog")`).fill("dialog form .field:nth-of-type(3) input", "30").sees("evicts about 31 records now")
	w.picture(p, "config")
	s.click("dialog button", "Change cap_records").sees("changed cap_records")
	if got := w.get("/v0/topics/orders"); !strings.Contains(got, `"cap_records":30,`) || !strings.Contains(got, `"durability":"fsync"`) {
		t.Errorf("the config is %s", got)
	}

	// Jobs are released, dead letters replayed and purged.
	s.at("#/topics/mail?state=in_flight").click("td button", "Release").sees("the job may run twice").click("dialog button", "Take 1 job back").sees("is ready again")
	s.at("#/topics/thumbnails?state=delayed").click("td button", "Promote").click("dialog button", "Make 1 job due now").sees("is due now")
	s.at("#/dead?queue=mail").click("td button", "replay").click("dialog button", "Replay 1 dead letter").sees("1 dead letter replayed")
	s.until(`document.querySelectorAll("tr[data-row]").length === 6`)
	s.click("td button", "2").sees("1234567890123456").click(".tools button", "Purge all").fill("dialog input", "mail").click("dialog button", "Purge 6 dead letters").sees("6 dead letters purged")

	// Routers and topics go once their name is typed.
	s.at("#/routers").click("td button", "delete").until(`document.querySelector("dialog button.danger").disabled`)
	s.fill("dialog input", "events-archive").click("dialog button", "Delete the router").sees("router events-archive deleted")
	s.click("main button", "New router").fill("dialog .field:nth-of-type(1) input", "r1").fill("dialog .field:nth-of-type(2) input", "alerts").fill("dialog .field:nth-of-type(3) input", "pager").
		fill("dialog .field:nth-of-type(4) input", "disk*").click("dialog button", "Make the router").sees("router r1 made")
	s.at("#/topics/alerts").click("main button", "Delete topic").fill("dialog input", "alerts").click("dialog button", "Delete the topic").sees("topic alerts deleted, with 1 router")
	s.at("#/new").fill("main form input", "by-hand").click("main button", "Make the topic").sees("topic by-hand made")

	// The operator's acts.
	s.at("#/sessions").click("td button", "Close").click("dialog button", "Close 1 session").sees("the session is closed")
	s.at("#/recovery").click("button", "Checkpoint now").click("dialog button", "Take 1 checkpoint").sees("the checkpoint is taken")
	s.click("button", "Scrub…").click("dialog button", "Start 1 scrub").sees("sound")
	w.sound(p, "the work")

	// Looking changed nothing: no topic was read but by its routers.
	if got := w.get("/v0/topics/metrics-00?touch=false"); !strings.Contains(got, `"last_read_ts":null`) {
		t.Errorf("looking read it: %s", got)
	}
}

// TestConsoleOfARestrictedKey has the console say what a key may not do.
func TestConsoleOfARestrictedKey(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	p := w.open("a-secret-to-look-with", chromium.Desktop, "light")
	s := &steps{w, p}
	s.sees("admin-read")
	w.picture(p, "restricted-overview")
	s.at("#/topics").until(`document.querySelectorAll("tr[data-row]").length === 1`).at("#/topics/orders").sees("order-77")
	s.until(`[...document.querySelectorAll("main button")].find(b => b.textContent === "Write")?.getAttribute("aria-disabled") === "true"`)
	s.click("main button", "Write").sees("this needs write").until(`!document.querySelector("dialog")`)
	w.picture(p, "restricted-topic")
	for _, page := range []string{"#/dead", "#/sessions", "#/recovery", "#/drill", "#/queues", "#/routers", "#/topics/alerts"} {
		s.at(page).until(`document.querySelector("main h1") && !document.querySelector(".skeleton")`)
	}
	s.at("#/topics/alerts").until(`document.querySelector(".note")`)
	w.sound(p, "with a restricted key")
}

// TestConsoleByName opens the console by a name over plain http, which is no
// secure context: there is no clipboard, and no key is needed.
func TestConsoleByName(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string]bool{"named": true, "unnamed": false} {
		t.Run(name, func(t *testing.T) {
			var env []string
			if allowed {
				env = append(env, "TOPICS_ALLOWED_HOSTS=console.test")
			}
			w := newConsoleWorld(t, env...)
			w.call("POST", "/v0/topics/orders", `{"records":[{"data":1}]}`)
			url := strings.Replace(w.server.url(), "127.0.0.1", "console.test", 1)
			p := w.openAt(url, "", chromium.Desktop, "light")
			s := &steps{w, p}
			s.until("!isSecureContext && !navigator.clipboard")
			if !allowed {
				s.sees("TOPICS_ALLOWED_HOSTS")
				w.picture(p, "misdirected")
				w.sound(p, name)
				return
			}
			s.sees("healthy").click("main button", "curl").until(`document.body.innerText.includes("curl command copied") || document.querySelector("dialog textarea")?.value.includes("$TOPIC_KEY")`).press("Escape")
			s.at("#/topics/orders").click("main button", "Write").click("dialog button", "Write 1 record").sees("written as seq 2")
			w.sound(p, name)
		})
	}
}

// TestConsoleOverARestart leaves a page open while its server is killed and started
// again: it says so, keeps what it has, and goes on by itself.
func TestConsoleOverARestart(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	p := w.open(secret, chromium.Desktop, "dark")
	s := (&steps{w, p}).at("#/topics/orders").sees("order-7759")
	w.server.kill()
	s.sees("unreachable: the last answer came").sees("order-7759")
	w.picture(p, "unreachable")
	w.server = w.server.again().ready()
	s.until(`!document.body.innerText.includes("unreachable")`)
	write(t, w.server.keyed(), "orders", `{"after":"restart"}`)
	s.sees(`{"after":"restart"}`)
	for _, f := range p.Faults() {
		t.Error(f)
	}
}

// TestConsoleDeletesWhatItCounted deletes records by tag: what is written after the
// count stays.
func TestConsoleDeletesWhatItCounted(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t, "TOPICS_API_KEYS="+consoleKeys)
	w.fill()
	p := w.open(secret, chromium.Desktop, "light")
	s := (&steps{w, p}).at("#/topics/orders")
	s.click("main button", "Delete records").fill("dialog input", "order-775*").click("dialog button", "Count them").sees("Delete 10 records")
	w.call("POST", "/v0/topics/orders", `{"records":[{"tag":"order-7750","data":1}]}`)
	w.picture(p, "delete")
	s.until(`document.activeElement.textContent === "Cancel"`).click("dialog button", "Delete 10 records").sees("10 records deleted")
	if got := w.get("/v0/topics/orders/diff?match=order-7750"); !strings.Contains(got, `"data":1}`) {
		t.Errorf("what was written after the preview is gone: %s", got)
	}
	w.sound(p, "deleting")
}
