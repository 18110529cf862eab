package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/call"
)

// The subscriptions of a WebSocket reserve memory of the streams' share: a
// subscribe that finds none is refused, and an unsubscribe and the end release it.
func TestSubscriptionsTakeMemory(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.StreamBytes = 256 << 10 }, nil) // 128 KiB for what is open
	var names []string
	for i := range 200 {
		name := fmt.Sprintf("topic-%03d", i)
		s.put(t, name, `{}`)
		names = append(names, `"`+name+`":{}`)
	}
	first := s.dial(t)
	first.say(`{"op":"subscribe","topics":{%s}}`, strings.Join(names, ","))
	if m := first.want("error"); !strings.Contains(m.raw, `"throttled"`) || !strings.Contains(m.raw, `"stream_bytes"`) {
		t.Fatalf("200 topics: %s", m.raw)
	}
	holds := func(n int64) { waitFor(t, func() bool { return s.bounds.Usage().Following == n }) }
	holds(call.StreamCost)
	first.say(`{"op":"subscribe","topics":{%s}}`, strings.Join(names[:100], ","))
	first.want("subscribed")
	holds(call.StreamCost + 100*call.FollowedCost)
	first.say(`{"op":"unsubscribe","topics":{%s}}`, strings.Join(names[:60], ","))
	for m := first.hear(); m.Op != "ack"; m = first.hear() {
		if m.Op == "error" {
			t.Fatal(m.raw)
		}
	}
	holds(call.StreamCost + 40*call.FollowedCost)
	second := s.dial(t)
	second.say(`{"op":"subscribe","topics":{%s}}`, strings.Join(names[:50], ","))
	second.want("subscribed")
	holds(2*call.StreamCost + 90*call.FollowedCost)
	_ = second.CloseNow()
	holds(call.StreamCost + 40*call.FollowedCost)
}

// Topics that a prefix adds later take memory before they are followed, and one that
// finds none is refused while the others go on.
func TestTopicsThatComeByAPrefixTakeMemory(t *testing.T) {
	const room = 20                                                                   // topics beside the WebSocket, its prefix and the session with its own
	limit := int64(call.StreamCost + call.SessionCost + (2+2*room)*call.FollowedCost) // whole sixteenths of StreamBytes
	s := serveReal(t, func(o *Options) { o.Limits.StreamBytes = 2 * limit }, nil)
	c := s.dial(t)
	c.say(`{"op":"subscribe","prefixes":{"topic-":{}}}`)
	c.want("subscribed")
	if w := do(s.Server, "POST", "/v0/watch", `{"prefixes":{"other-":{}}}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i := range 2*room + 5 {
		s.put(t, fmt.Sprintf("topic-%03d", i), `{}`)
	}
	for range 5 {
		m := c.hear()
		for m.Op == "caught_up" {
			m = c.hear()
		}
		if m.Op != "error" || !strings.Contains(m.raw, `"topic":"topic-`) || !strings.Contains(m.raw, `"throttled"`) || !strings.Contains(m.raw, `"stream_bytes"`) {
			t.Fatalf("without memory: %s", m.raw)
		}
	}
	if used := s.bounds.Usage().Following; used != limit {
		t.Errorf("%d of %d bytes are used", used, limit)
	}
	c.say(`{"op":"unsubscribe","topics":["topic-000"],"prefixes":["topic-"]}`)
	waitFor(t, func() bool { return s.bounds.Usage().Following == call.StreamCost+call.SessionCost+call.FollowedCost })
	_ = c.CloseNow()
	waitFor(t, func() bool { return s.bounds.Usage().Following == call.SessionCost+call.FollowedCost })
}

// A prefix that covers more topics than there is memory for is refused before they
// are listed, over HTTP and over a WebSocket, and nothing of it is held.
func TestPrefixesTakeMemoryFirst(t *testing.T) {
	const limit = call.StreamCost + call.SessionCost + 50*call.FollowedCost // whole sixteenths of StreamBytes
	s := serveReal(t, func(o *Options) { o.Limits.StreamBytes = 2 * limit }, nil)
	for i := range 100 {
		s.put(t, fmt.Sprintf("topic-%03d", i), `{}`)
	}
	c := s.dial(t)
	c.say(`{"op":"subscribe","prefixes":{"topic-":{}}}`)
	if m := c.want("error"); !strings.Contains(m.raw, `"stream_bytes"`) {
		t.Errorf("over a WebSocket: %s", m.raw)
	}
	for _, method := range []string{"POST /v0/watch", "GET /v0/watch?prefix=topic-"} {
		verb, target, _ := strings.Cut(method, " ")
		w := do(s.Server, verb, target, `{"prefixes":{"topic-":{}}}`)
		if w.Code != 429 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"stream_bytes"`) {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
	if used := s.bounds.Usage().Following; used != call.StreamCost {
		t.Errorf("%d bytes are used, want those of the WebSocket", used)
	}
	c.say(`{"op":"subscribe","prefixes":{"topic-00":{}}}`)
	c.want("subscribed")
	waitFor(t, func() bool { return s.bounds.Usage().Following == call.StreamCost+11*call.FollowedCost })
}
