package e2e

import (
	"net/http"
	"testing"
)

// pair follows one topic over SSE and over WebSocket.
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

// await waits until both have received the given number of records.
func (p *pair) await(t *testing.T, records int) {
	t.Helper()
	p.sse.await(t, p.topic, records)
	p.ws.await(t, p.topic, records)
}

// holds compares what both have received with what was written, and the number
// of sessions of the watcher with the expected one.
func (p *pair) holds(t *testing.T, want []string, sessions int64) {
	t.Helper()
	p.sse.holds(t, p.topic, want)
	p.ws.holds(t, p.topic, want)
	if n := p.sse.sessions.Load(); n != sessions {
		t.Errorf("%d sessions were made, want %d", n, sessions)
	}
}
