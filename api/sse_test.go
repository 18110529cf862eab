package api

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestStream(t *testing.T) {
	s := serveReal(t, nil, nil)
	for proto, client := range clients(t) {
		t.Run(proto, func(t *testing.T) {
			s.put(t, "a", `{"cap_records":3}`)
			s.write(t, "a", `{"n":1}`, `"two"`)
			url := s.newWatch(t, `{"topics":{"a":{"from_seq":0}},"prefixes":{"p:":{"tail":true}}}`)
			c := openStream(t, client, url, 200, "Accept", "text/event-stream")
			for name, want := range map[string]string{
				"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
				"Content-Encoding": "", "Content-Length": "",
			} {
				if got := c.resp.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			c.opening()
			ev := c.want("record", `{"topic":"a","records":[{"$seq":1,`)
			var body struct {
				From uint64 `json:"from_seq"`
				To   uint64 `json:"to_seq"`
				Head uint64 `json:"head_seq"`
			}
			if err := json.Unmarshal([]byte(ev.data), &body); err != nil || body.From != 0 || body.To != 2 || body.Head != 2 {
				t.Errorf("%+v, %v", body, err)
			}
			text, err := base64.RawURLEncoding.DecodeString(ev.id)
			if err != nil || string(text) != `{"a":2}` {
				t.Errorf("id %s, %v", text, err)
			}
			ev = c.want("caught-up", "")
			if ev.data != `{"topic":"a","head_seq":2}` {
				t.Error(ev.data)
			}
			s.write(t, "p:new", "7")
			c.want("record", `{"topic":"p:new","records":[{"$seq":1,`)
			ev = c.want("caught-up", `"p:new"`)
			if text, _ := base64.RawURLEncoding.DecodeString(ev.id); !strings.Contains(string(text), `"p:new":1`) {
				t.Errorf("id %s", text)
			}
			if w := do(s, "DELETE", "/v0/topics/p:new", ""); w.Code != 200 {
				t.Fatal(w.Body)
			}
			ev = c.want("topic-deleted", "")
			if ev.data != `{"topic":"p:new","head_seq":1,"reason":"deleted"}` {
				t.Error(ev.data)
			}
			c.hangUp()
			waitFor(t, func() bool { _, n := s.watches.counts(); return n == 0 })
			s.write(t, "a", "3", "4", "5")
			s.write(t, "a", "6", "7", "8")
			c = openStream(t, client, url, 200).opening()
			ev = c.want("tombstone", "")
			if ev.data != `{"topic":"a","reason":"from_seq_too_old","gap_from":3,"gap_to":5,"missed_estimate":3,"missed_at_least":3,"earliest_seq":6,"head_seq":8}` {
				t.Error(ev.data)
			}
			c.want("record", `"data":6`)
			c.want("caught-up", "")
			c.hangUp()
			do(s, "DELETE", "/v0/topics/a", "")
		})
	}
}

// Line ends between the tokens of a payload are lines of data; the client puts
// them together, and what it has is the same JSON.
func TestStreamLines(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.write(t, "a", "[1,\r\n 2,\r3,\n\n4]")
	c := openStream(t, http.DefaultClient, s.newWatch(t, `{"topics":{"a":{}}}`), 200).opening()
	ev := c.want("record", "\"data\":[1,\n 2,\n3,\n\n4]")
	if !json.Valid([]byte(ev.data)) {
		t.Errorf("data %s", ev.data)
	}
	c.want("caught-up", "")
	c.hangUp()
}

// A big event arrives whole, and beside its lines nothing is added to it.
func TestStreamBigEvents(t *testing.T) {
	s := serveReal(t, nil, nil)
	big := `"` + strings.Repeat("x", 900<<10) + `"`
	lined := "[\n" + big + "]"
	for proto, client := range clients(t) {
		t.Run(proto, func(t *testing.T) {
			s.write(t, "a", big, lined, "1")
			c := openStream(t, client, s.newWatch(t, `{"topics":{"a":{}},"limit":1}`), 200).opening()
			c.want("record", `"data":`+big+`}],"from_seq":0,"to_seq":1,"head_seq":3}`)
			c.want("record", `"data":`+lined+`}]`)
			c.want("record", `"data":1}]`)
			c.want("caught-up", "")
			c.hangUp()
			do(s, "DELETE", "/v0/topics/a", "")
		})
	}
}

func TestStreamRefusals(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.write(t, "a", "1")
	url := s.newWatch(t, `{"topics":{"a":{}}}`)
	for proto, client := range clients(t) {
		for _, tc := range []struct {
			url, header, value string
			status             int
			code               string
		}{
			{url, "Accept", "application/json", 406, "not_acceptable"},
			{url, "Accept", "text/event-stream;q=0, */*", 406, "not_acceptable"},
			{url + "x", "Accept", "*/*", 404, "not_found"},
			{url, "Last-Event-ID", "%%", 400, "invalid_request"},
			{url, "Last-Event-ID", "W10", 400, "invalid_request"},
		} {
			c := openStream(t, client, tc.url, tc.status, tc.header, tc.value)
			body, _ := io.ReadAll(c.resp.Body)
			if !strings.Contains(string(body), `"code":"`+tc.code+`"`) {
				t.Errorf("%s: %s", proto, body)
			}
			c.hangUp()
		}
		resp, err := client.Head(url)
		if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Errorf("%s: HEAD: %v %v", proto, resp, err)
		}
		resp.Body.Close()
		for _, accept := range []string{"*/*", "text/*", "text/event-stream", "application/json, text/event-stream;q=0.1"} {
			c := openStream(t, client, url, 200, "Accept", accept).opening()
			c.hangUp()
		}
	}
}

// A client resumes where the session is, or earlier if it says so.
func TestStreamResume(t *testing.T) {
	s := serveReal(t, nil, nil)
	for proto, client := range clients(t) {
		t.Run(proto, func(t *testing.T) {
			s.write(t, "a", "1", "2", "3")
			url := s.newWatch(t, `{"topics":{"a":{}},"limit":1}`)
			c := openStream(t, client, url, 200).opening()
			first := c.want("record", `"data":1}`)
			c.want("record", `"data":2}`)
			c.want("record", `"data":3}`)
			last := c.want("caught-up", "")
			c.hangUp()
			s.write(t, "a", "4")
			c = openStream(t, client, url, 200, "Last-Event-ID", last.id).opening()
			c.want("record", `"data":4}`)
			last = c.want("caught-up", "")
			c.hangUp()
			c = openStream(t, client, url, 200, "Last-Event-ID", first.id).opening()
			c.want("record", `"data":2}`)
			c.want("record", `"data":3}`)
			c.hangUp()
			c = openStream(t, client, url, 200, "Last-Event-ID", last.id).opening()
			for { // wherever the cut was: it goes on, and never beyond it
				ev, err := c.next()
				if err != nil {
					t.Fatal(err)
				}
				if ev.name == "caught-up" {
					break
				}
			}
			c.hangUp()
			do(s, "DELETE", "/v0/topics/a", "")
		})
	}
}

// A second stream takes the session over, and the first one is told.
func TestStreamTakenOver(t *testing.T) {
	s := serveReal(t, nil, nil)
	for proto, client := range clients(t) {
		t.Run(proto, func(t *testing.T) {
			s.write(t, "a", "1")
			url := s.newWatch(t, `{"topics":{"a":{}}}`)
			one := openStream(t, client, url, 200).opening()
			one.want("record", `"data":1}`)
			one.want("caught-up", "")
			two := openStream(t, client, url, 200).opening()
			two.want("caught-up", "")
			one.want("error", `{"code":409,"error":"stream_taken_over",`)
			one.wantEnd()
			s.write(t, "a", "2")
			two.want("record", `"data":2}`)
			two.hangUp()
			do(s, "DELETE", "/v0/topics/a", "")
		})
	}
}

// A client that comes back before the server knows that it was away has the
// place of its old stream, also where there is no other one.
func TestStreamTakenOverAtTheCap(t *testing.T) {
	for proto, client := range clients(t) {
		t.Run(proto, func(t *testing.T) {
			s := serveReal(t, func(o *Options) { o.Limits.MaxStreams = 1 }, nil)
			s.write(t, "a", "1")
			url, other := s.newWatch(t, `{"topics":{"a":{}}}`), s.newWatch(t, `{"topics":{"a":{}}}`)
			one := openStream(t, client, url, 200).opening()
			one.want("record", `"data":1}`)
			openStream(t, client, other, 429)
			two := openStream(t, client, url, 200).opening()
			two.want("caught-up", "")
			openStream(t, client, other, 429)
			two.hangUp()
			waitFor(t, func() bool { return s.bounds.Usage().Streams == 0 })
			openStream(t, client, other, 200).opening().hangUp()
		})
	}
}
