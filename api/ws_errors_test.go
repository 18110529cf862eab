package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/socket"
)

// What is wrong with a command is said with its request_id, and nothing else
// happens.
func TestSocketErrors(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, func(o *Options) {
			o.Limits.MaxRecordBytes, o.Limits.MaxBatchRecords, o.Limits.MaxWatchTopics = 100, 3, 4
		}, heat)
		s.put(t, "t", `{}`)
		s.put(t, "full", `{"cap_records":1,"discard":"reject"}`)
		s.put(t, "fleeting", `{"durability":"ephemeral"}`)
		s.write(t, "full", `1`)
		c := s.dial(t)
		for _, tc := range []struct{ say, code, id, message string }{
			{`{`, "invalid_request", "", "not valid JSON"},
			{``, "invalid_request", "", "not valid JSON"},
			{`[]`, "invalid_request", "", "expected an object"},
			{`{} {}`, "invalid_request", "", "nothing after"},
			{`{"request_id":3,"op":"ping"`, "invalid_request", "3", "not valid JSON"},
			{`{"request_id":"a"}`, "invalid_request", `"a"`, "op: is needed"},
			{`{"op":7,"request_id":"after"}`, "invalid_request", `"after"`, "op: expected a string"},
			{`{"op":"brew","request_id":1}`, "invalid_request", "1", "none of"},
			{`{"op":"ping","request_id":{}}`, "invalid_request", "", "request_id: expected a string or a number"},
			{`{"op":"ping","request_id":true}`, "invalid_request", "", "request_id"},
			{`{"op":"ping","request_id":"` + strings.Repeat("x", 255) + `"}`, "invalid_request", "", "at most 256"},
			{`{"op":"ping","a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "invalid_request", "", "levels"},
			{`{"op":"publish","request_id":1}`, "invalid_request", "1", "records"},
			{`{"op":"publish","records":[{}],"request_id":1}`, "invalid_request", "1", "topic: is needed"},
			{`{"op":"publish","topic":"a/b","records":[{}],"request_id":1}`, "invalid_request", "1", "must match"},
			{`{"op":"publish","topic":3,"records":[{}],"request_id":1}`, "invalid_request", "1", "topic: expected a string"},
			{`{"op":"publish","topic":"t","records":{},"request_id":1}`, "invalid_request", "1", "records"},
			{`{"op":"publish","topic":"t","records":[{}],"return_seqs":1,"request_id":1}`, "invalid_request", "1", "return_seqs"},
			{`{"op":"publish","topic":"t","records":[{},{},{},{}],"request_id":1}`, "batch_too_large", "1", "at most 3"},
			{`{"op":"publish","topic":"t","records":[{"data":"` + strings.Repeat("x", 100) + `"}],"request_id":1}`, "record_too_large", "1", "at most 100"},
			{`{"op":"publish","topic":"none","records":[{}],"create":false,"request_id":1}`, "topic_not_found", "1", "none"},
			{`{"op":"publish","topic":"t","records":[{}],"expected_head_seq":4,"request_id":1}`, "seq_mismatch", "1", "head"},
			{`{"op":"publish","topic":"full","records":[{}],"request_id":1}`, "topic_full", "1", "full"},
			{`{"op":"subscribe","request_id":1}`, "invalid_request", "1", "topic: is needed"},
			{`{"op":"subscribe","topic":"none","request_id":1}`, "topic_not_found", "1", "none"},
			{`{"op":"subscribe","topics":{"t":{},"none":{}},"request_id":1}`, "topic_not_found", "1", "none"},
			{`{"op":"subscribe","topic":"a/b","request_id":1}`, "invalid_request", "1", "must match"},
			{`{"op":"subscribe","topic":"t","from_seq":-1,"request_id":1}`, "invalid_request", "1", "from_seq"},
			{`{"op":"subscribe","topic":"t","match":"a*b","request_id":1}`, "invalid_request", "1", "match"},
			{`{"op":"subscribe","topics":{"t":{},"fleeting":{}},"consistency":"strong","request_id":1}`, "invalid_request", "1", "ephemeral"},
			{`{"op":"subscribe","prefixes":{"a":{},"b":{},"c":{},"d":{},"e":{}},"request_id":1}`, "invalid_request", "1", "at most 4"},
			{`{"op":"unsubscribe","request_id":1}`, "invalid_request", "1", "is needed"},
			{`{"op":"unsubscribe","topics":[1],"request_id":1}`, "invalid_request", "1", "topics"},
		} {
			c.say("%s", tc.say)
			m := c.want("error")
			if m.Code != tc.code || string(m.ID) != tc.id || !strings.Contains(m.Message, tc.message) {
				t.Errorf("%.80s: %s", tc.say, m.raw)
			}
		}
		so := s.sockets.List()[0].State()
		if views := s.sockets.Views(func(*auth.Key) bool { return true }); views[0].Prefixes != 0 || so.Groups != 0 || so.Named != 0 {
			t.Errorf("refused commands left %d topics, %d prefixes, %d groups", so.Named, views[0].Prefixes, so.Groups)
		}
		if st, _ := s.registry.State("t", false); st.Head != 0 {
			t.Errorf("refused publishes left %d records", st.Head)
		}
		c.say(`{"op":"subscribe","topics":{"t":{},"none":{}},"lenient":true}`)
		if m := c.want("subscribed"); string(m.Topics) != `{"t":{"from_seq":0,"head_seq":0,"earliest_seq":1}}` {
			t.Errorf("lenient: %s", m.raw)
		}
		c.want("caught_up")

		// What is followed is bounded over all options.
		for i := range 4 {
			s.put(t, fmt.Sprintf("n%d", i), `{}`)
			c.say(`{"op":"subscribe","topic":"n%d","limit":%d}`, i, i+1)
			if i == 3 {
				if m := c.want("error"); m.Detail["limit"] != "max_watch_topics" {
					t.Errorf("too many: %s", m.raw)
				}
				break
			}
			c.want("subscribed")
			c.want("caught_up")
		}
	})
}

// A connection that does not keep to the protocol is told and closed.
func TestSocketCloses(t *testing.T) {
	withAndWithoutLoops(t, func(t *testing.T, heat func(*socket.Timing)) {
		s := serveReal(t, func(o *Options) { o.Limits.MaxBodyBytes = 1000 }, heat)
		for name, tc := range map[string]struct {
			kind    websocket.MessageType
			message string
			code    string
			status  websocket.StatusCode
		}{
			"binary":    {websocket.MessageBinary, `{"op":"ping"}`, "invalid_request", websocket.StatusUnsupportedData},
			"too large": {websocket.MessageText, `{"op":"ping","x":"` + strings.Repeat("x", 1000) + `"}`, "payload_too_large", websocket.StatusMessageTooBig},
			"a publish": {websocket.MessageText, `{"op":"publish","topic":"t","records":[{"data":"` + strings.Repeat("x", 1000) + `"}]}`, "payload_too_large", websocket.StatusMessageTooBig},
			"huge":      {websocket.MessageText, strings.Repeat("x", 1<<20), "payload_too_large", websocket.StatusMessageTooBig},
			"not UTF-8": {websocket.MessageText, "{\"op\":\"\xff\"}", "invalid_request", websocket.StatusInvalidFramePayloadData},
		} {
			c := s.dial(t)
			if err := c.Write(c.ctx, tc.kind, []byte(tc.message)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if m := c.want("error"); m.Code != tc.code {
				t.Errorf("%s: %s", name, m.raw)
			}
			c.wantClosed(tc.status)
		}
		// As large as it may be.
		c := s.dial(t)
		c.say(`{"op":"ping","x":"%s"}`, strings.Repeat("x", 1000-len(`{"op":"ping","x":""}`)))
		c.want("pong")
	})
}
