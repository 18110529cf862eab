package api

import (
	"fmt"
	"testing"
)

// The empty prefix is that of what the key sees: what others have counts for
// nothing.
func TestWatchAllThatAKeySees(t *testing.T) {
	s, as := serveKeys(t, "root,in::in-|too-")
	for i := range 300 {
		as("root", "PUT", fmt.Sprint("/v0/topics/other-", i), "{}")
	}
	as("root", "PUT", "/v0/topics/in-1", "{}")
	w := as("in", "POST", "/v0/watch", `{"prefixes":{"":{}}}`)
	if got := object(t, w); w.Code != 200 || fmt.Sprint(got["topics"]) != "map[in-1:map[earliest_seq:1 from_seq:0 head_seq:0]]" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantCode(t, as("in", "POST", "/v0/watch", `{"prefixes":{"i":{}}}`), 403, "forbidden")
	wantCode(t, as("root", "POST", "/v0/watch", `{"prefixes":{"":{}}}`), 400, "invalid_request")
	c := s.dial(t, "Authorization", "Bearer in")
	c.say(`{"op":"subscribe","prefixes":{"":{}}}`)
	c.want("subscribed")
	c.want("caught_up")
	as("root", "POST", "/v0/topics/other-1", `{"records":[{"data":0}]}`)
	as("root", "POST", "/v0/topics/too-1", `{"records":[{"data":1}]}`)
	c.wantData("too-1", "1")
	c.want("caught_up")
	c.say(`{"op":"unsubscribe","prefixes":[""]}`)
	c.want("ack")
	as("root", "POST", "/v0/topics/too-1", `{"records":[{"data":2}]}`)
	c.say(`{"op":"ping"}`)
	c.want("pong")
}
