package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sighting is the result of one request of a prober: a status, or no answer.
type sighting struct {
	status int // 0 if there was no answer
	code   string
	retry  string
	err    error
}

// prober requests one URL repeatedly until there is no answer any more.
type prober struct {
	name   string
	method string
	url    string
	fresh  bool // use a new connection for each request
	seen   chan []sighting
}

// run sends a request every few milliseconds and collects the results. It ends
// with the first request that gets no answer.
func (p *prober) run() {
	c := described(&http.Transport{DisableKeepAlives: p.fresh}, nil)
	c.Timeout = patience
	defer c.CloseIdleConnections()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var all []sighting
	for {
		s := p.ask(c)
		if all = append(all, s); s.err != nil {
			p.seen <- all
			return
		}
		<-tick.C
	}
}

func (p *prober) ask(c *http.Client) sighting {
	req, err := http.NewRequestWithContext(context.Background(), p.method, p.url, nil)
	if err != nil {
		return sighting{err: err}
	}
	if p.method == http.MethodPost {
		req.Body = io.NopCloser(strings.NewReader(`{"records":[{"data":1}]}`))
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		return sighting{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	s := sighting{status: resp.StatusCode, retry: resp.Header.Get("Retry-After"), err: err}
	for _, code := range []string{"shutting_down", "not_ready"} {
		if strings.Contains(string(body), `"`+code+`"`) {
			s.code = code
		}
	}
	return s
}

// TestDrainIsSeen probes a server that is stopped without a delay, on both
// listeners, over new and over kept connections. It must answer 200, then 503
// shutting_down with Retry-After while the last checkpoint runs, and nothing
// else until the process ends.
func TestDrainIsSeen(t *testing.T) {
	for mib := 64; ; mib *= 4 {
		if drainIsSeen(t, mib) {
			return
		}
		if mib > 1024 {
			t.Fatal("no drain was long enough to be looked at")
		}
	}
}

// drainIsSeen reports whether every prober saw the server drain.
func drainIsSeen(t *testing.T, mib int) bool {
	server := serve(t, t.TempDir(), "TOPICS_OPS_ADDR=127.0.0.1:0", "TOPICS_DRAIN_DELAY_MS=0",
		"TOPICS_CHECKPOINT_BYTES=1TiB", "TOPICS_CHECKPOINT_INTERVAL_MS=0", "TOPICS_LOG_FORMAT=json").ready()
	fillLog(t, server.client(), mib<<20)
	ops := server.opsURL()

	probers := []*prober{
		{name: "write", method: http.MethodPost, url: server.url() + "/v0/topics/probed"},
		{name: "read", method: http.MethodGet, url: server.url() + "/v0/topics/" + topic},
	}
	for _, base := range []string{server.url(), ops} {
		for _, fresh := range []bool{true, false} {
			probers = append(probers, &prober{name: fmt.Sprintf("ready at %s, new connections %t", base, fresh),
				method: http.MethodGet, url: base + "/v0/ready", fresh: fresh})
		}
	}
	for _, p := range probers {
		p.seen = make(chan []sighting, 1)
		go p.run()
	}
	server.until("the probed topic is there", func() bool {
		resp, err := http.Get(server.url() + "/v0/topics/probed")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	server.signal(syscall.SIGTERM)
	if code := server.exit(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	enough := true
	for _, p := range probers {
		refused := p.check(t, <-p.seen)
		t.Logf("%s: %d refusals", p.name, refused)
		enough = enough && refused > 0
	}
	return enough
}

// check checks the order of a prober's results, and returns how often it was
// refused.
func (p *prober) check(t *testing.T, all []sighting) (refused int) {
	t.Helper()
	for i, s := range all {
		switch {
		case s.err != nil && i < len(all)-1:
			t.Fatalf("%s: request %d of %d: %v", p.name, i, len(all), s.err)
		case s.err != nil:
			t.Logf("%s: %d requests, then: %v", p.name, i, s.err)
		case s.status == http.StatusOK || s.status == http.StatusCreated:
			if refused > 0 {
				t.Errorf("%s: served again after %d refusals", p.name, refused)
			}
		case s.status == http.StatusServiceUnavailable && s.code == "shutting_down" && s.retry != "":
			refused++
		default:
			t.Errorf("%s: %d %s, Retry-After %q", p.name, s.status, s.code, s.retry)
		}
	}
	return refused
}
