package api

import (
	"fmt"
	"slices"
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

// An administrator who is bound to prefixes sees and ends the sessions of its
// own key and nobody else's.
func TestSessionsOfOthers(t *testing.T) {
	s, as := serveKeys(t, "root,one::in-,two::in-")
	as("root", "PUT", "/v0/topics/in-1", "{}")
	wid := object(t, as("two", "POST", "/v0/watch", `{"topics":{"in-1":{}}}`))["wid"].(string)
	s.dial(t, "Authorization", "Bearer two")
	var ids []string
	for key, want := range map[string]int{"one": 0, "two": 2, "root": 2} {
		list := object(t, as(key, "GET", "/v0/admin/sessions", ""))
		rows := list["sessions"].([]any)
		if len(rows) != want || list["total"] != float64(want) {
			t.Errorf("%s: %v", key, list)
		}
		if key == "two" {
			for _, row := range rows {
				ids = append(ids, row.(map[string]any)["id"].(string))
			}
		}
	}
	if !slices.Contains(ids, wid) {
		t.Errorf("%v without %s", ids, wid)
	}
	for _, id := range ids {
		wantCode(t, do(s, "POST", "/v0/admin/sessions/"+id+"/close", "", "Authorization", "Bearer one", "X-Confirm", "true"), 404, "not_found")
	}
	for key, id := range map[string]string{"two": ids[0], "root": ids[1]} {
		if w := do(s, "POST", "/v0/admin/sessions/"+id+"/close", "", "Authorization", "Bearer "+key, "X-Confirm", "true"); w.Code != 200 {
			t.Errorf("%s: %d %s", key, w.Code, w.Body)
		}
	}
}
