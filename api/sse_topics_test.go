package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/auth"
)

// A client that takes nothing but events gets a stream that says why it ends
// where others get the status: an EventSource would not come again after that.
func TestRefusedInEvents(t *testing.T) {
	for name, code := range map[string]string{"replaying": "not_ready", "failed": "not_ready", "stopped": "shutting_down"} {
		w := newWorld()
		w.progress = phases[name]
		s := New(Options{Gate: w, Health: w, Hosts: testHosts, CORSOrigins: []string{"https://a.example"}, Log: zerolog.Nop()})
		const url = "/v0/watch?topic=t"
		id := base64.RawURLEncoding.EncodeToString([]byte(`{"t":7}`))
		for sent, line := range map[string]string{id: "\nid: " + id + "\n\n", "": "0\n\n", "x\ty": "0\n\n"} { // what is no id is not repeated
			r := do(s, "GET", url, "", "Accept", "text/event-stream", "Origin", "https://a.example", "Last-Event-ID", sent)
			if !strings.Contains(r.Body.String(), line) || r.Header().Get("Access-Control-Allow-Origin") != "https://a.example" {
				t.Errorf("%v %s", r.Header(), r.Body)
			}
		}
		r := do(s, "GET", url, "", "Accept", "text/event-stream")
		begin, data, _ := strings.Cut(r.Body.String(), "\n\nevent: error\ndata: ")
		if r.Code != 200 || r.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" || r.Header().Get("Retry-After") == "" ||
			!strings.HasPrefix(begin, "retry: ") || !strings.HasPrefix(data, `{"code":503,"error":"`+code+`","message":"`) || !strings.HasSuffix(data, "}\n\n") {
			t.Errorf("%s: %d %v %s", name, r.Code, r.Header(), r.Body)
		}
		for _, accept := range []string{"*/*", "", "text/event-stream, */*", "text/event-stream,application/json"} {
			wantCode(t, do(s, "GET", url, "", "Accept", accept), 503, code)
		}
		wantCode(t, do(s, "GET", "/v0/watch/wid_x", "", "Accept", "text/event-stream"), 503, code)
		if r := do(s, "HEAD", url, "", "Accept", "text/event-stream"); r.Code != 503 {
			t.Errorf("HEAD: %d", r.Code)
		}
	}
}

// What lasts is refused with its status, so that nothing comes again for ever.
func TestRefusedForGood(t *testing.T) {
	s, as := serveKeys(t, "root,in::in-,writer:w")
	as("root", "PUT", "/v0/topics/in-1", "{}")
	for key, want := range map[string]int{"in": 403, "writer": 403, "nobody": 401} {
		if r := do(s, "GET", "/v0/watch?topic=other&token="+key, "", "Accept", "text/event-stream"); r.Code != want {
			t.Errorf("%s: %d %s", key, r.Code, r.Body)
		}
	}
	if r := do(s, "GET", "/v0/watch?topic=in-2&token=in", "", "Accept", "text/event-stream"); r.Code != 404 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	if r := do(s, "GET", "/v0/watch?prefix=i&token=in", "", "Accept", "text/event-stream"); r.Code != 403 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}

// The cap on streams holds, and all that a stream takes comes back.
func TestStreamOfTopicsIsBounded(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxStreams = 1 }, nil)
	s.write(t, "a", "1")
	for _, client := range clients(t) {
		url := "http://" + s.addr + "/v0/watch?topic=a&from_seq=0"
		for range 3 {
			c := openStream(t, client, url, 200).opening()
			c.want("record", `"data":1`)
			c.want("caught-up", "")
			wantCode(t, do(s, "GET", "/v0/watch?topic=a", ""), 429, "throttled")
			other := openStream(t, client, url, 200, "Accept", "text/event-stream")
			if ev := other.anything(); ev.retry == "" {
				t.Errorf("%+v", ev)
			}
			other.want("error", `{"code":429,"error":"throttled",`)
			other.wantEnd()
			c.hangUp()
			waitFor(t, func() bool {
				_, streams := s.watches.counts()
				return len(s.watches.of(func(*auth.Key) bool { return true })) == 0 && streams == 0 && s.bounds.Usage().Streams == 0 && s.bounds.Usage().Following == 0
			})
		}
	}
}

// A stream in one step is no session: it neither needs room among them nor takes it.
func TestStreamOfTopicsIsNoSession(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxWatchSessions = 1 }, nil)
	s.write(t, "a", "1")
	url := "http://" + s.addr + "/v0/watch?topic=a&from_seq=0"
	defer http.DefaultClient.CloseIdleConnections()
	for range 2 {
		openStream(t, http.DefaultClient, url, 200).opening().want("record", `"data":1`)
	}
	if w := do(s, "POST", "/v0/watch", `{"topics":{"a":{}}}`); w.Code != 200 {
		t.Errorf("a session beside streams: %d %s", w.Code, w.Body)
	}
	wantCode(t, do(s, "POST", "/v0/watch", `{"topics":{"a":{}}}`), 429, "throttled")
	openStream(t, http.DefaultClient, url, 200).opening().want("record", `"data":1`)
	if got := object(t, do(s, "GET", "/v0/metrics", "", "Accept", "application/json")); got["watch_sessions"] != 1.0 || got["sse_connections"] != 3.0 {
		t.Errorf("%v sessions, %v streams", got["watch_sessions"], got["sse_connections"])
	}
}

// Streams in one step end as all do: by the drain, by an administrator, and with
// their key. Their ids work with no session that was there before.
func TestStreamOfTopicsEnds(t *testing.T) {
	s, as := serveKeys(t, "root,one::in-")
	as("root", "PUT", "/v0/topics/in-1", "{}")
	open := func() *sseClient {
		c := openStream(t, http.DefaultClient, "http://"+s.addr+"/v0/watch?prefix=&token=one", 200).opening()
		c.want("caught-up", `{"topic":"in-1","head_seq":0}`)
		return c
	}
	defer http.DefaultClient.CloseIdleConnections()
	c := open()
	rows := object(t, as("one", "GET", "/v0/admin/sessions", ""))["sessions"].([]any)
	row := rows[0].(map[string]any)
	if len(rows) != 1 || row["kind"] != "watch" || row["transport"] != "sse" || row["streaming"] != true || row["idle_until_ts"] != nil || row["prefixes"] != 1.0 {
		t.Errorf("%v", rows)
	}
	if w := do(s, "POST", fmt.Sprintf("/v0/admin/sessions/%s/close", row["id"]), "", "Authorization", "Bearer one", "X-Confirm", "true"); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	c.want("error", `"error":"session_closed"`)
	c.wantEnd()
	c = open()
	left, err := auth.Parse("root")
	if err != nil {
		t.Fatal(err)
	}
	s.ReplaceKeys(left)
	c.want("error", `{"code":401,"error":"unauthorized"`)
	c.wantEnd()
	c = openStream(t, http.DefaultClient, "http://"+s.addr+"/v0/watch?topic=in-1&token=root", 200).opening()
	c.want("caught-up", "")
	s.down()
	c.want("error", `{"code":503,"error":"shutting_down",`)
	c.wantEnd()
}
