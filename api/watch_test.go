package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/watch"
	"github.com/e6e95bb8/topics/api/wire"
)

func TestWatchAnswer(t *testing.T) {
	s := serveReal(t, nil, nil)
	s.write(t, "a", "1", "2")
	s.write(t, "p:1", "1")
	w := do(s, "POST", "/v0/watch", `{"topics":{"a":{"from_seq":1},"b:x":null},"prefixes":{"p:":{"tail":true}}}`)
	wantCode(t, w, 404, "topic_not_found")
	w = do(s, "POST", "/v0/watch?lenient=true", `{"topics":{"a":{"from_seq":1},"b:x":null},"prefixes":{"p:":{"tail":true,"from_seq":9}}}`)
	got := object(t, w)
	wid, _ := got["wid"].(string)
	if w.Code != 200 || !strings.HasPrefix(wid, "wid_") || len(wid) != 26 || got["stream_url"] != "/v0/watch/"+wid ||
		got["session_ttl_ms"] != 300000.0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := fmt.Sprint(got["topics"]); got != "map[a:map[earliest_seq:1 from_seq:1 head_seq:2] p:1:map[earliest_seq:1 from_seq:1 head_seq:1]]" {
		t.Error(got)
	}
	if w = do(s, "POST", "/v0/watch?lenient=1", `{"topics":{"absent":{}}}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if sessions, _ := s.watches.counts(); sessions != 2 {
		t.Errorf("%d sessions", sessions)
	}
	if w = do(s, "GET", "/v0/metrics", "", "Accept", wire.MediaJSON); object(t, w)["watch_sessions"] != 2.0 {
		t.Error(w.Body)
	}
}

func TestWatchRefusals(t *testing.T) {
	s := serveReal(t, func(o *Options) { o.Limits.MaxWatchTopics, o.Limits.MaxWatchSessions = 2, 1 }, nil)
	s.put(t, "e", `{"durability":"ephemeral"}`)
	for _, name := range []string{"p:1", "p:2", "p:3"} {
		s.write(t, name, "1")
	}
	for body, part := range map[string]string{
		``: "topics or prefixes is needed", `{}`: "topics or prefixes is needed",
		`{"topics":{},"prefixes":null}`:                         "topics or prefixes is needed",
		`[]`:                                                    "expected an object",
		`{"topics":["a"]}`:                                      "topics: expected an object",
		`{"topics":{"a/b":{}}}`:                                 "topics: topic name",
		`{"prefixes":{".":{}}}`:                                 "prefixes: topic name",
		`{"topics":{"a":7}}`:                                    "topics.a: expected an object",
		`{"topics":{"a":{"from_seq":-1}}}`:                      "topics.a.from_seq",
		`{"topics":{"a":{"tail":1}}}`:                           "topics.a.tail",
		`{"topics":{"a":{},"b":{},"c":{}}}`:                     "topics: at most 2",
		`{"topics":{"e":{}},"prefixes":{"b":{},"c":{}}}`:        "at most 2 topics and prefixes",
		`{"prefixes":{"p:":{}}}`:                                "at most 2 topics",
		`{"prefixes":{"":{}}}`:                                  "at most 2 topics",
		`{"topics":{"e":{}},"consistency":"strong"}`:            "ephemeral",
		`{"topics":{"e":{}},"consistency":"linear"}`:            "consistency:",
		`{"topics":{"e":{}},"heartbeat_ms":"1"}`:                "heartbeat_ms:",
		`{"topics":{"e":{}},"limit":-1}`:                        "limit:",
		`{"topics":{"e":{}},"max_batch_bytes":1.5}`:             "max_batch_bytes:",
		`{"topics":{"e":{}},"include_data":0}`:                  "include_data:",
		`{"topics":{"e":{}},"include_meta":"yes"}`:              "include_meta:",
		`{"topics":{"e":{}},"include_tags":[]}`:                 "include_tags:",
		`{"topics":{"e":{}},"match":["tag","Glob","*x"]}`:       "match:",
		`{"topics":{"e":{}},"node":7}`:                          "node:",
		`{"topics":{"e":{}}}{}`:                                 "not valid JSON",
		`{"topics":{"e":{"from_seq":1,"tail":false}}},"x":"y"}`: "not valid JSON",
	} {
		if got := wantCode(t, do(s, "POST", "/v0/watch", body), 400, "invalid_request"); !strings.Contains(got, part) {
			t.Errorf("%s: %s, want %s", body, got, part)
		}
	}
	wantCode(t, do(s, "POST", "/v0/watch?lenient=maybe", `{"topics":{"e":{}}}`), 400, "invalid_request")
	wantCode(t, do(s, "POST", "/v0/watch", `{}`, "Content-Type", "text/plain"), 415, "unsupported_media_type")
	wantCode(t, do(s, "PUT", "/v0/watch", ""), 405, "method_not_allowed")
	s.newWatch(t, `{"topics":{"e":{}},"unknown":[1]}`)
	w := do(s, "POST", "/v0/watch", `{"topics":{"e":{}}}`)
	wantCode(t, w, 429, "throttled")
	if !strings.Contains(w.Body.String(), `"detail":{"limit":"max_watch_sessions","max":1}`) || w.Header().Get("Retry-After") == "" {
		t.Error(w.Body)
	}
}

func TestWatchOptions(t *testing.T) {
	l := wire.DefaultLimits()
	for body, want := range map[string]watch.Options{
		`{"topics":{"a":null}}`: {Limit: 256, MaxBytes: 262144, Heartbeat: 15 * time.Second, Meta: true, Data: true},
		`{"topics":{"a":{}},"limit":0,"max_batch_bytes":0,"heartbeat_ms":0,"consistency":"eventual","node":null,"match":null}`: {
			Limit: 256, MaxBytes: 262144, Heartbeat: time.Second, Meta: true, Data: true},
		`{"topics":{"a":{}},"limit":5000,"max_batch_bytes":99999999,"heartbeat_ms":99999999,"consistency":"strong",
			"include_meta":false,"include_tags":true,"include_data":false}`: {
			Limit: 1000, MaxBytes: 8 << 20, Heartbeat: time.Minute, Tags: true, Strong: true},
		`{"topics":{"a":{}},"heartbeat_ms":-9223372036854775808}`: {
			Limit: 256, MaxBytes: 262144, Heartbeat: time.Second, Meta: true, Data: true},
	} {
		w, err := request.DecodeWatch([]byte(body), &l, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Options(&l); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
	}
	for query, want := range map[string]time.Duration{
		"": 15 * time.Second, "&heartbeat_ms=0": time.Second, "&heartbeat_ms=-1": time.Second, "&heartbeat_ms=2000": 2 * time.Second, "&heartbeat_ms=99999999": time.Minute,
	} {
		values, err := url.ParseQuery("topic=a" + query)
		if err != nil {
			t.Fatal(err)
		}
		w, err := request.DecodeWatchQuery(values, &l)
		if err != nil || w.Options(&l).Heartbeat != want {
			t.Errorf("%q: %v, want %v", query, err, want)
		}
	}
	w, err := request.DecodeWatch([]byte(`{"topics":{"a":{"from_seq":7,"x":1},"b":{"tail":true,"from_seq":null}},"node":["x","y"],"match":"t*"}`), &l, nil)
	if err != nil || w.Topics["a"] != (watch.Start{From: 7}) || w.Topics["b"] != (watch.Start{Tail: true}) || len(w.Topics) != 2 {
		t.Errorf("%+v, %v", w, err)
	}
	if o := w.Options(&l); o.Match.String() != "t*" || fmt.Sprint(o.Nodes) != "[x y]" {
		t.Errorf("%+v", o)
	}
}

func FuzzDecodeWatch(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `{"topics":{"a":{"from_seq":1,"tail":true}},"prefixes":{"":null}}`, `{"topics":{"a":{}},"limit":1e3}`,
		`{"prefixes":{"p":{"tail":false}},"node":["a"],"match":["tag","Eq","x"],"consistency":"strong","heartbeat_ms":5}`,
	} {
		f.Add([]byte(body))
	}
	l := wire.DefaultLimits()
	l.MaxWatchTopics = 3
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := request.DecodeWatch(body, &l, nil)
		if err != nil {
			if e := wire.ErrorOf(err); e.Status != 400 {
				t.Errorf("%v", err)
			}
			return
		}
		o := w.Options(&l)
		if n := len(w.Topics) + len(w.Prefixes); n == 0 || n > 3 ||
			o.Limit < 1 || o.Limit > l.MaxLimit || o.MaxBytes < 1 || o.MaxBytes > request.MaxBatchBytes ||
			o.Heartbeat < request.MinHeartbeat || o.Heartbeat > request.MaxHeartbeat {
			t.Errorf("%+v, %+v", w, o)
		}
	})
}
