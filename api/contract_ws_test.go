package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/socket"
	"github.com/e6e95bb8/topics/api/wire"
)

// Section 10: a publish is a write, refused for the same with the same words,
// and answered with the same. A WebSocket is HTTP/1.1 only.
func TestContractPublishIsAWrite(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, func(o *Options) { o.Limits.MaxRecordBytes, o.Limits.MaxBatchRecords = 200, 3 }, heat)
		c := s.dial(t)
		x := strings.Repeat("x", 300)
		for i, write := range []string{
			`"records":[{}]`, `"records":[{"data":1,"tag":"t","node":"n","meta":{"m":1}},{}],"node":"d"`, `"records":[{}],"idempotency_key":"k"`, `"records":[{"data":2}],"idempotency_key":"k"`,
			`"records":[{}],"expected_head_seq":5`, `"records":[{}],"config":{"ttl_ms":-1}`, `"records":[{}],"config":{"ttl_ms":7},"unknown":[{}]`, `"records":[{}],"disable_backpressure":true`,
			`"records":[{}],"expected_head_seq":99`, `"records":[]`, `"records":null`, `"records":{}`, `"records":[1]`, `"records":[{},{},{},{}]`, `"records":[{"data":"` + x + `"}]`,
			`"records":[{"tag":7}]`, `"records":[{"tag":"` + x + `"}]`, `"records":[{"node":"` + x + `"}]`, `"records":[{"meta":[]}]`, `"records":[{}],"node":7`,
			`"records":[{}],"create":1`, `"records":[{}],"expected_head_seq":-1`, `"records":[{}],"idempotency_key":"` + x + `"`, `"records":[{}],"expected_head_seq":18446744073709551616`,
		} {
			over, direct := "over", "direct"
			w := do(s, "POST", "/v0/topics/"+direct, "{"+write+"}")
			c.say(`{"op":"publish","topic":%q,"request_id":%d,%s}`, over, i, write)
			m := c.hear()
			if string(m.ID) != fmt.Sprint(i) {
				t.Errorf("%s: request_id %s", write, m.ID)
			}
			var e wire.Envelope
			_ = json.Unmarshal(w.Body.Bytes(), &e)
			if w.Code/100 == 2 {
				a := answer{body: []byte(m.raw)}
				want, _, _ := strings.Cut(strings.Replace(w.Body.String(), `"topic":"direct"`, `"topic":"over","op":"ack"`, 1), `,"performance"`)
				if d := a.differs(want + "}"); d != "" {
					t.Errorf("%s: %s in %s", write, d, m.raw)
				}
				continue
			}
			// Where in the text something is wrong is where it stands in the message.
			said, _, _ := strings.Cut(e.Error.Message, " at byte")
			if m.Op != "error" || m.Code != e.Error.Code || !strings.HasPrefix(strings.ReplaceAll(m.Message, "over", "direct"), said) {
				t.Errorf("%.80s: %s, over HTTP %s", write, m.raw, w.Body)
			}
		}
		over, _ := s.registry.State("over", false)
		direct, _ := s.registry.State("direct", false)
		if over.Head != direct.Head || over.Count != direct.Count || over.Head == 0 {
			t.Errorf("%+v, %+v", over, direct)
		}
		c.say(`{"op":"publish","topic":"none","records":[{}],"create":false,"request_id":"x"}`)
		if m := c.want("error"); m.Code != "topic_not_found" || string(m.ID) != `"x"` {
			t.Error(m.raw)
		}
		c.say(`{"op":"publish","topic":"over","records":[{}],"return_seqs":false}`)
		if m := c.want("ack"); m.Seqs != nil || strings.Contains(m.raw, "request_id") {
			t.Error(m.raw)
		}
		_ = c.Close(websocket.StatusNormalClosure, "")
	})
}

// Section 10: subscribe takes the watch options, and sends what a stream does.
func TestContractSubscribeIsAWatch(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.put(t, "t", `{"cap_records":3}`)
	if w := do(s, "POST", "/v0/topics/t", `{"records":[{"data":1},{"data":2,"tag":"a1","node":"n","meta":{"m" :1}},{"data":3,"tag":"b"}]}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	s.write(t, "t", "4")
	for _, options := range []string{
		``, `"limit":1,`, `"max_batch_bytes":1,`, `"include_tags":true,`, `"include_meta":false,`, `"include_data":false,`, `"node":"n",`, `"node":["n"],`, `"match":"a*",`,
		`"match":["tag","Eq","b"],`, `"match":"zz",`, `"consistency":"strong",`, `"heartbeat_ms":1000,`, `"unknown":1,`,
	} {
		for _, start := range []string{`{"from_seq":0}`, `{"from_seq":2}`, `{"tail":true}`, `{}`, `null`, `{"from_seq":99}`} {
			c := s.dial(t)
			c.say(`{"op":"subscribe",%s"topics":{"t":%s},"request_id":[]}`, options, start)
			c.want("error") // a bad request_id changes nothing
			c.say(`{"op":"subscribe",%s"topics":{"t":%s},"request_id":"s"}`, options, start)
			position := c.want("subscribed")
			stream := openStream(t, http.DefaultClient, s.newWatch(t, `{`+options+`"topics":{"t":`+start+`}}`), 200).opening()
			made := do(s, "POST", "/v0/watch", `{`+options+`"topics":{"t":`+start+`}}`)
			if a := (&answer{body: made.Body.Bytes()}); a.raw("topics") != string(position.Topics) {
				t.Errorf("%s: begins at %s, a watch at %s", start, position.Topics, a.raw("topics"))
			}
			for done := false; !done; {
				m := c.hear()
				ev, err := stream.next()
				if err != nil {
					t.Fatal(err)
				}
				a := answer{body: []byte(m.raw)}
				if name := strings.ReplaceAll(m.Op, "_", "-"); name != ev.name || a.differs(ev.data) != "" {
					t.Errorf("%s %s: %s, on the stream %s %s", options, start, m.raw, ev.name, ev.data)
				}
				done = m.Op == "caught_up"
			}
			stream.hangUp()
			_ = c.Close(websocket.StatusNormalClosure, "")
		}
	}
}

// Section 10: authenticated at the upgrade, authorised per command.
func TestContractSocketScopes(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		keys, err := auth.Parse("reader:r:in,writer:w:in,all")
		if err != nil {
			t.Fatal(err)
		}
		s := serveReal(t, func(o *Options) { o.Keys = keys }, heat)
		if w := do(s, "PUT", "/v0/topics/in", "", "Authorization", "Bearer all"); w.Code != 201 {
			t.Fatal(w.Body)
		}
		for _, tc := range []struct{ key, say, op, code string }{
			{"reader", `"op":"ping"`, "pong", ""}, {"reader", `"op":"subscribe","topic":"in"`, "subscribed", ""}, {"reader", `"op":"subscribe","topic":"out"`, "error", "forbidden"},
			{"reader", `"op":"subscribe","prefixes":{"i":{}}`, "error", "forbidden"}, {"reader", `"op":"publish","topic":"in","records":[{}]`, "error", "forbidden"},
			{"writer", `"op":"publish","topic":"in","records":[{}]`, "ack", ""}, {"writer", `"op":"publish","topic":"out","records":[{}]`, "error", "forbidden"},
			{"writer", `"op":"publish","topic":"in2","records":[{}],"config":{}`, "error", "forbidden"}, {"writer", `"op":"subscribe","topic":"in"`, "error", "forbidden"},
			{"all", `"op":"publish","topic":"out","records":[{}],"config":{}`, "ack", ""},
		} {
			c := s.dial(t, "Authorization", "Bearer "+tc.key)
			c.say(`{%s,"request_id":1}`, tc.say)
			if m := c.want(tc.op); m.Code != tc.code || string(m.ID) != "1" {
				t.Errorf("%s: %s %s", tc.key, tc.say, m.raw)
			}
			_ = c.Close(websocket.StatusNormalClosure, "")
		}
	})
}
