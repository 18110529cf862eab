package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/watch"
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
	holds := func(n int64) { waitFor(t, func() bool { return s.following.used.Load() == n }) }
	holds(streamCost)
	first.say(`{"op":"subscribe","topics":{%s}}`, strings.Join(names[:100], ","))
	first.want("subscribed")
	holds(streamCost + 100*followedCost)
	first.say(`{"op":"unsubscribe","topics":{%s}}`, strings.Join(names[:60], ","))
	for m := first.hear(); m.Op != "ack"; m = first.hear() {
		if m.Op == "error" {
			t.Fatal(m.raw)
		}
	}
	holds(streamCost + 40*followedCost)
	second := s.dial(t)
	second.say(`{"op":"subscribe","topics":{%s}}`, strings.Join(names[:50], ","))
	second.want("subscribed")
	holds(2*streamCost + 90*followedCost)
	_ = second.CloseNow()
	holds(streamCost + 40*followedCost)
}

// Topics that a prefix adds later are counted at the next ping.
func TestTopicsThatComeByAPrefixTakeMemory(t *testing.T) {
	s := serveReal(t, nil, func(timing *socketTiming) { timing.ping = 10 * time.Millisecond })
	c := s.dial(t)
	c.say(`{"op":"subscribe","prefixes":{"topic-":{}}}`)
	c.want("subscribed")
	for i := range 20 {
		s.put(t, fmt.Sprintf("topic-%03d", i), `{}`)
	}
	waitFor(t, func() bool { return s.following.used.Load() == streamCost+21*followedCost })
}

// A ping during a subscribe does not release the memory that the subscribe has
// reserved and not used yet.
func TestPingDuringASubscribe(t *testing.T) {
	s, _ := openServer(nil)
	so := &socket{server: s}
	w := request.NewWatch()
	for _, name := range []string{"a", "b", "c"} {
		w.Topics[name] = watch.Start{}
	}
	if err := so.expect(w); err != nil {
		t.Fatal(err)
	}
	if err := so.recount(); err != nil {
		t.Fatal(err)
	}
	if used := s.following.used.Load(); used != 3*followedCost {
		t.Errorf("after the ping %d bytes are reserved", used)
	}
	so.settleMemory()
	if used := s.following.used.Load(); used != 0 {
		t.Errorf("at the end %d bytes are reserved", used)
	}
}
