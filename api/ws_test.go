package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/topics/record"
)

// Every command has its answer, and the answer its request_id verbatim.
func TestSocketCommands(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "orders", `{}`)
	s.write(t, "orders", `"one"`, `"two"`, `{ "raw" : 1.50 }`)
	c := s.dial(t)

	c.say(`{"op":"ping"}`)
	if m := c.want("pong"); m.raw != `{"op":"pong"}` {
		t.Errorf("pong: %s", m.raw)
	}
	c.say(`{"request_id": 1.50e1 ,"op":"ping","unknown":{"x":[1]}}`)
	if m := c.want("pong"); m.raw != `{"op":"pong","request_id":1.50e1,"warnings":["unknown field \"unknown\""]}` {
		t.Errorf("pong: %s", m.raw)
	}
	c.say(`{"op":"ping","request_id":"\u0061\"b"}`)
	if m := c.want("pong"); m.raw != `{"op":"pong","request_id":"\u0061\"b"}` {
		t.Errorf("pong: %s", m.raw)
	}

	c.say(`{"op":"subscribe","topic":"orders","from_seq":1,"request_id":"s1"}`)
	if m := c.want("subscribed"); m.raw != `{"op":"subscribed","request_id":"s1","topics":{"orders":{"from_seq":1,"head_seq":3,"earliest_seq":1}}}` {
		t.Errorf("subscribed: %s", m.raw)
	}
	m := c.want("record")
	if m.Topic != "orders" || m.From != 1 || m.To != 3 || m.Head != 3 || len(m.Records) != 2 || m.Records[1].Seq != 3 ||
		!strings.Contains(m.raw, `"data":{ "raw" : 1.50 }`) {
		t.Errorf("record: %s", m.raw)
	}
	if m := c.want("caught_up"); m.raw != `{"op":"caught_up","topic":"orders","head_seq":3}` {
		t.Errorf("caught_up: %s", m.raw)
	}

	c.say(`{"op":"unsubscribe","topic":"orders","request_id":7}`)
	if m := c.want("ack"); m.raw != `{"op":"ack","request_id":7,"topics":["orders"]}` {
		t.Errorf("ack: %s", m.raw)
	}
	c.say(`{"op":"publish","topic":"orders","records":[{"data":4},{"data":5,"tag":"x"}],"request_id":"p1"}`)
	m = c.want("ack") // and no record: nothing is followed
	if m.First != 4 || m.Last != 5 || m.Head != 5 || m.Count != 2 || m.Created || m.Deduped || fmt.Sprint(m.Seqs) != "[4 5]" ||
		string(m.ID) != `"p1"` || m.Topic != "orders" || !strings.Contains(m.raw, `"performance":{"server_total_ms":`) {
		t.Errorf("ack: %s", m.raw)
	}
	c.say(`{"op":"publish","topic":"made","records":[{}],"return_seqs":false,"config":{"durability":"fsync"}}`)
	if m := c.want("ack"); !m.Created || m.Seqs != nil || strings.Contains(m.raw, "request_id") || !strings.Contains(m.raw, `"fsync_ms"`) {
		t.Errorf("ack: %s", m.raw)
	}
	if st, err := s.registry.State("made", false); err != nil || st.Config.Durability != record.Fsync {
		t.Errorf("made: %+v, %v", st, err)
	}
	for _, deduped := range []bool{false, true} {
		c.say(`{"op":"publish","topic":"orders","records":[{"data":6}],"idempotency_key":"k"}`)
		if m := c.want("ack"); m.Deduped != deduped || m.First != 6 {
			t.Errorf("ack: %s", m.raw)
		}
	}
	c.say(`{"op":"subscribe","topics":{"orders":{"from_seq":3},"made":null},"include_tags":true,"match":["tag","Glob","x*"]}`)
	if m := c.want("subscribed"); string(m.Topics) != `{"made":{"from_seq":0,"head_seq":1,"earliest_seq":1},"orders":{"from_seq":3,"head_seq":6,"earliest_seq":1}}` {
		t.Errorf("subscribed: %s", m.raw)
	}
	for seen := map[string]bool{}; len(seen) < 3; {
		switch m := c.hear(); {
		case m.Op == "record" && m.Topic == "orders" && len(m.Records) == 1 && m.Records[0].Tag == "x" && m.Records[0].Seq == 5:
			seen["record"] = true
		case m.Op == "caught_up":
			seen[m.Topic] = true
		default:
			t.Fatalf("heard %s", m.raw)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// What follows of a topic: what it lost, its deletion, and its next life.
func TestSocketEvents(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "capped", `{"cap_records":2}`)
	s.write(t, "capped", `1`, `2`)
	s.write(t, "capped", `3`, `4`)
	c := s.dial(t)
	c.say(`{"op":"subscribe","topic":"capped"}`)
	c.want("subscribed")
	m := c.want("tombstone")
	if m.Reason != "from_seq_too_old" || m.GapFrom != 1 || m.GapTo != 2 || m.Earliest != 3 || m.Head != 4 || m.Topic != "capped" {
		t.Errorf("tombstone: %s", m.raw)
	}
	c.wantData("capped", `3`, `4`)
	c.want("caught_up")
	if w := do(s, "DELETE", "/v0/topics/capped", ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if m := c.want("topic_deleted"); m.raw != `{"op":"topic_deleted","topic":"capped","head_seq":4,"reason":"deleted"}` {
		t.Errorf("topic_deleted: %s", m.raw)
	}
	s.write(t, "capped", `"again"`)
	c.wantData("capped", `"again"`)
	c.want("caught_up")

	// By a prefix come those that are there and those that are made later.
	c.say(`{"op":"unsubscribe","topics":["capped"]}`)
	c.want("ack")
	s.write(t, "pre:a", `1`)
	c.say(`{"op":"subscribe","prefixes":{"pre:":{"tail":true}}}`)
	if m := c.want("subscribed"); string(m.Topics) != `{"pre:a":{"from_seq":1,"head_seq":1,"earliest_seq":1}}` {
		t.Errorf("subscribed: %s", m.raw)
	}
	c.want("caught_up")
	s.write(t, "pre:b", `2`)
	c.wantData("pre:b", `2`)
	c.want("caught_up")
	c.say(`{"op":"unsubscribe","prefixes":["pre:"]}`)
	if m := c.want("ack"); m.raw != `{"op":"ack","topics":[],"prefixes":["pre:"]}` {
		t.Errorf("ack: %s", m.raw)
	}
	s.write(t, "pre:b", `3`)
	c.say(`{"op":"ping"}`)
	c.want("pong")
}

// A topic that is subscribed again begins where the second subscribe says, with
// its options; nothing of the first comes behind the answer.
func TestSocketSubscribesAnew(t *testing.T) {
	s := serveReal(t, nil, nil)
	var data []string
	for i := range 500 {
		data = append(data, fmt.Sprint(i))
	}
	s.put(t, "t", `{}`)
	s.write(t, "t", data...)
	c := s.dial(t)
	for round := range 20 {
		c.say(`{"op":"subscribe","topic":"t","limit":7,"request_id":%d}`, 2*round)
		c.say(`{"op":"subscribe","topic":"t","limit":%d,"from_seq":100,"request_id":%d}`, 7+round%2, 2*round+1)
		want := uint64(0)
		for first, done := true, false; !done; {
			m := c.hear()
			switch m.Op {
			case "subscribed":
				first = string(m.ID) == fmt.Sprint(2*round)
				if want = 0; !first {
					want = 100
				}
			case "record":
				if !first && (m.From != want || m.Records[0].Seq != want+1) {
					t.Fatalf("record from %d after a subscribe, want %d: %.120s", m.From, want, m.raw)
				}
				want = m.To
			case "caught_up":
				done = !first
			default:
				t.Fatalf("heard %s", m.raw)
			}
		}
		c.say(`{"op":"unsubscribe","topic":"t"}`)
		c.want("ack")
		c.say(`{"op":"ping"}`)
		c.want("pong")
	}
	if groups := s.sockets.List()[0].State().Groups; groups != 0 {
		t.Errorf("%d groups without topics", groups)
	}
}
