package e2e

import (
	"net/http"
	"testing"
)

// pair follows one topic over SSE and over WebSocket at once.
type pair struct {
	topic string
	sse   *watcher
	ws    *socket
}

// follow starts both, which end with the test.
func follow(t *testing.T, c *http.Client, base, topic string) *pair {
	t.Helper()
	p := &pair{
		topic: topic,
		sse:   &watcher{book: newBook(), http: c, base: base, topics: []string{topic}},
		ws:    &socket{book: newBook(), http: c, base: base, topics: []string{topic}},
	}
	following(t, p.sse.follow)
	following(t, p.ws.follow)
	return p
}

// await waits until both have seen so many records.
func (p *pair) await(t *testing.T, records int) {
	t.Helper()
	p.sse.await(t, p.topic, records)
	p.ws.await(t, p.topic, records)
}

// holds compares what both have seen with what was written, and how many
// sessions the watcher has made with how many it must have needed.
func (p *pair) holds(t *testing.T, want []string, sessions int64) {
	t.Helper()
	p.sse.holds(t, p.topic, want)
	p.ws.holds(t, p.topic, want)
	if n := p.sse.sessions.Load(); n != sessions {
		t.Errorf("%d sessions were made, want %d", n, sessions)
	}
}
