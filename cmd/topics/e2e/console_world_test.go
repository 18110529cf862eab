package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/console/chromium"
)

// screenshots is where the pictures of the console's pages go.
var screenshots = flag.String("screenshots", "", "directory for pictures of the console")

// consoleTopics is how many topics TestConsoleOfManyTopics makes.
var consoleTopics = flag.Int("console-topics", 5000, "topics in the console's list")

// consoleWorld is a server with something on every page of the console, and a
// browser.
type consoleWorld struct {
	t       *testing.T
	ctx     context.Context
	server  *process
	browser *chromium.Browser
	client  *http.Client
}

// consoleKeys are the keys of the server: for everything, and to read some.
const consoleKeys = secret + ",a-secret-to-look-with:read:orders"

func newConsoleWorld(t *testing.T, env ...string) *consoleWorld {
	t.Helper()
	installed(t, chromium.Program)
	w := &consoleWorld{t: t, ctx: t.Context(), client: keyed()}
	t.Cleanup(w.client.CloseIdleConnections)
	w.server = serve(t, t.TempDir(), env...).ready()
	dir, err := os.MkdirTemp("", "chromium-") // its processes may write to the end: t.TempDir would fail
	if err != nil {
		t.Fatal(err)
	}
	w.browser, err = chromium.Start(t.Context(), dir, "--host-resolver-rules=MAP console.test 127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.browser.Close()
		_ = os.RemoveAll(dir) // nothing depends on it
	})
	return w
}

// must fails the test if a step failed.
func (w *consoleWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// call asks the server with the key.
func (w *consoleWorld) call(method, path, body string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, method, w.server.url()+path, strings.NewReader(body))
	w.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Confirm", "true")
	resp, err := w.client.Do(req)
	w.must(err)
	defer resp.Body.Close()
	var answer bytes.Buffer
	_, err = answer.ReadFrom(resp.Body)
	w.must(err)
	if resp.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, answer.String())
	}
}

// fill gives every page something to show.
func (w *consoleWorld) fill() {
	for i := range 40 {
		w.call("PUT", fmt.Sprintf("/v0/topics/metrics-%02d", i), `{"cap_records":1000000}`)
	}
	w.call("PUT", "/v0/topics/orders", `{"durability":"fsync","cap_records":10000000}`)
	w.call("PUT", "/v0/topics/alerts", `{"durability":"ephemeral"}`)
	w.call("PUT", "/v0/topics/events", `{"durability":"memory","ttl_ms":86400000}`)
	w.call("PUT", "/v0/topics/mail-dead", `{}`)
	w.call("PUT", "/v0/topics/mail", `{"type":"queue","max_deliveries":1,"dead_letter":"mail-dead"}`)
	w.call("PUT", "/v0/topics/thumbnails", `{"type":"queue"}`)
	w.call("PUT", "/v0/topics/audit", `{"cap_records":5,"discard":"reject"}`)
	w.call("PUT", "/v0/routers/orders-mail", `{"source":"orders","dest":"mail","filter":["tag","Glob","order-7*"]}`)
	w.call("PUT", "/v0/routers/orders-audit", `{"source":"orders","dest":"audit"}`)
	w.call("PUT", "/v0/routers/events-archive", `{"source":"events","dest":"archive","guarantee":"exactly_once"}`)
	w.call("PUT", "/v0/routers/orders-events", `{"source":"orders","dest":"events"}`)
	for i := range 60 {
		w.call("POST", "/v0/topics/orders", fmt.Sprintf(`{"node":"shop-%d","records":[{"tag":"order-%d","meta":{"trace":"%x"},
			"data":{"id":1234567890123456%04d,"total":1.0,"lines":[{"sku":"A-%d","n":2,"note":"\u0041 long note so that the row is wide enough to be cut at its end"}]}}]}`, i%3, 7700+i, i*7919, i, i))
	}
	w.call("POST", "/v0/topics/alerts", `{"records":[{"data":{"level":"warn","text":"bidi \u202e and control \u0007"},"tag":"disk"}]}`)
	w.call("POST", "/v0/topics/thumbnails", `{"records":[{"data":{"image":"a.jpg"},"group":"user-1"},{"data":{"image":"b.jpg"},"delay_ms":900000},{"data":{"image":"c.jpg"}}]}`)
	w.call("POST", "/v0/topics/mail/claim", `{"node":"worker-3","max":12,"lease_ms":600000}`)
	w.call("POST", "/v0/topics/mail/nack", `{"node":"worker-3","seqs":[1,2,3,4,5,6,7],"reason":"550 no such mailbox"}`)
	w.call("POST", "/v0/watch", `{"topics":{"orders":{"from_seq":0},"events":{}}}`)
	w.call("POST", "/v0/admin/checkpoint", "")
}

// open opens a page of the console with a key, in a window.
func (w *consoleWorld) open(key string, size chromium.Size, scheme string) *chromium.Page {
	w.t.Helper()
	return w.openAt(w.server.url(), key, size, scheme)
}

func (w *consoleWorld) openAt(url, key string, size chromium.Size, scheme string) *chromium.Page {
	w.t.Helper()
	script := ""
	if key != "" {
		script = fmt.Sprintf("sessionStorage.setItem('topics.key', %q);", `"`+key+`"`)
	}
	p, err := w.browser.Open(w.ctx, url, "if (location.protocol !== 'about:') { "+script+" }")
	w.must(err)
	w.must(p.Look(w.ctx, size, scheme))
	w.must(p.Go(w.ctx, url+"/"))
	w.must(p.Until(w.ctx, "document.querySelector('main h1')"))
	return p
}

// sound fails the test for what went wrong in a page.
func (w *consoleWorld) sound(p *chromium.Page, where string) {
	w.t.Helper()
	for _, f := range p.Faults() {
		w.t.Errorf("%s: %s", where, f)
	}
}

// picture takes a screenshot, if they are asked for.
func (w *consoleWorld) picture(p *chromium.Page, name string) {
	w.t.Helper()
	if *screenshots == "" {
		return
	}
	shot, err := p.Screenshot(w.ctx)
	w.must(err)
	w.must(os.MkdirAll(*screenshots, 0o700))
	w.must(os.WriteFile(filepath.Join(*screenshots, name+".png"), shot, 0o600))
}

// keepWriting writes to orders until the test ends.
func (w *consoleWorld) keepWriting(every time.Duration) {
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := keyed()
		defer c.CloseIdleConnections()
		for tick := time.NewTicker(every); ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			_ = call(ctx, c, http.MethodPost, w.server.url()+"/v0/topics/orders", map[string]any{"records": []any{map[string]any{"tag": "order-9", "data": map[string]any{"n": 1}}}}, nil)
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// makeTopics makes n topics, many at a time.
func makeTopics(w *consoleWorld, n int) {
	w.t.Helper()
	const writers = 16
	errs := make(chan error, writers)
	for i := range writers {
		go func() {
			c := keyed()
			defer c.CloseIdleConnections()
			for k := i; k < n; k += writers {
				if err := call(w.ctx, c, http.MethodPut, fmt.Sprintf("%s/v0/topics/many-%06d", w.server.url(), k), map[string]any{}, nil); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		w.must(<-errs)
	}
}
