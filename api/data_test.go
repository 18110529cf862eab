package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Payloads come back byte for byte, whatever their spelling.
func TestPayloadsAreVerbatim(t *testing.T) {
	s, _ := openServer(nil)
	payloads := []string{
		`null`, `0`, `-0.0`, `1E+2`, `12345678901234567890.123456789`, `"\u00e9\/\ud800"`, `"é😀"`,
		`{"b":1,"a":2,"b":3}`, `[ 1 ,	{ } ]`, `{"<&>":"\u003c"}`, `true`, `""`,
	}
	for i, data := range payloads {
		meta := fmt.Sprintf(`{"x" : %s}`, data)
		w := do(s, "POST", "/v0/topics/t", fmt.Sprintf(`{"records":[{"meta": %s , "data":
			%s ,"tag":"a\"\u00e9\n\u0001","node":"n"}]}`, meta, data))
		if w.Code != 200 && w.Code != 201 {
			t.Fatalf("%s: %d %s", data, w.Code, w.Body)
		}
		for _, r := range []*httptest.ResponseRecorder{
			do(s, "POST", "/v0/topics/t/diff", fmt.Sprintf(`{"from_seq":%d,"include_tags":true}`, i)),
			do(s, "GET", fmt.Sprintf("/v0/topics/t/diff?from_seq=%d&include_tags=1", i), ""),
		} {
			want := fmt.Sprintf(`"records":[{"$seq":%d,"$ts":1700000000000,"$node":"n","$tag":"a\"é\u000a\u0001","data":%s,"meta":%s}]`,
				i+1, data, meta)
			if !strings.Contains(r.Body.String(), want) {
				t.Errorf("got %s\nwant %s in it", r.Body, want)
			}
		}
	}
}

func TestWriteAnswer(t *testing.T) {
	s, _ := openServer(nil)
	w := do(s, "POST", "/v0/topics/t", `{"records":[{"data":1},{"data":2}]}`)
	if w.Code != 201 {
		t.Errorf("status %d for a write that made the topic", w.Code)
	}
	perf := parse(t, w.Body.String())["performance"].(map[string]any)
	for _, f := range []string{"server_total_ms", "wal_append_ms", "fsync_ms", "throttle_wait_ms"} {
		if _, ok := perf[f].(float64); !ok {
			t.Errorf("performance has no %s: %v", f, perf)
		}
	}
	w = do(s, "POST", "/v0/topics/t?return_seqs=false", `{"records":[{"data":3}]}`)
	got := fmt.Sprint(object(t, w))
	if want := "map[count:1 created:false deduped:false first_seq:3 head_seq:3 last_seq:3 topic:t]"; w.Code != 200 || got != want {
		t.Errorf("%d %s, want %s", w.Code, got, want)
	}
	w = do(s, "POST", "/v0/topics/t", `{"records":[{"data":3},{}]}`)
	if got := fmt.Sprint(object(t, w)["seqs"]); got != "[4 5]" {
		t.Errorf("seqs %s", got)
	}
}

func TestDiffAnswer(t *testing.T) {
	s, _ := openServer(nil)
	do(s, "POST", "/v0/topics/t", `{"node":"n1","records":[{"data":1,"tag":"a1","meta":{}},{"data":2,"tag":"b","node":"n2"},{}]}`)
	for body, want := range map[string]string{
		`{"limit":1}`: `{"topic":"t","records":[{"$seq":1,"$ts":1700000000000,"$node":"n1","data":1,"meta":{}}],` +
			`"next_from_seq":1,"head_seq":3,"earliest_seq":1,"caught_up":false,"tombstone":null,"lag":2,`,
		`{"node":["n1","zz"],"include_tags":true}`: `"records":[{"$seq":2,"$ts":1700000000000,"$node":"n2","$tag":"b","data":2}],` +
			`"next_from_seq":3,"head_seq":3,"earliest_seq":1,"caught_up":true,"tombstone":null,"lag":0,`,
		`{"match":["tag","Glob","a*"],"include_meta":false}`: `"records":[{"$seq":1,"$ts":1700000000000,"$node":"n1","data":1}],"next_from_seq":3`,
		`{"match":"b","node":"n1"}`:                          `"records":[{"$seq":2,`,
		`{"from_seq":2}`:                                     `"records":[{"$seq":3,"$ts":1700000000000,"$node":"n1","data":null}]`,
	} {
		if w := do(s, "POST", "/v0/topics/t/diff", body); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %s\nwant %s in it", body, w.Body, want)
		}
	}
	for query, want := range map[string]string{
		"":                       `"records":[{"$seq":1,`,
		"node=n1":                `"records":[{"$seq":2,`,
		"node=n1&node=n2":        `"records":[],"next_from_seq":3`,
		"match=b":                `"records":[{"$seq":2,`,
		"match=a*&limit=0":       `"records":[{"$seq":1,`,
		`match=["tag","Eq","b"]`: `"records":[{"$seq":2,`,
	} {
		w := do(s, "GET", "/v0/topics/t/diff?"+strings.NewReplacer(`"`, "%22", "[", "%5B", "]", "%5D").Replace(query), "")
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %s\nwant %s in it", query, w.Body, want)
		}
	}
	b := render.Batch(nil, "t", &topic.Batch{NextFrom: 7, Head: 9, Earliest: 8, Tombstone: &topic.Tombstone{
		GapFrom: 1, GapTo: 7, Reason: "cap", Missed: 7, AtLeast: 5, Earliest: 8, Head: 9,
	}}, render.Fields{Data: true})
	if want := `{"topic":"t","records":[],"next_from_seq":7,"head_seq":9,"earliest_seq":8,"caught_up":false,"tombstone":` +
		`{"gap_from":1,"gap_to":7,"reason":"cap","missed_estimate":7,"missed_at_least":5,"earliest_seq":8,"head_seq":9},"lag":2`; string(b) != want {
		t.Errorf("got %s\nwant %s", b, want)
	}
}

func TestTopicLife(t *testing.T) {
	s, _ := openServer(nil)
	w := do(s, "PUT", "/v0/topics/q", `{"type":"queue","durable":true,"priority":5,"dead_letter":"dead"}`)
	config := object(t, w)["config"].(map[string]any)
	if w.Code != 201 || config["durable"] != true || config["durability"] != "fsync" || config["priority"] != 5.0 ||
		config["dead_letter"] != "dead" || config["idempotency_window_ms"] != 120000.0 || len(config) != 21 {
		t.Errorf("PUT: %d %s", w.Code, w.Body)
	}
	if w = do(s, "PATCH", "/v0/topics/q", `{"priority":null,"dead_letter":null}`); w.Code != 200 {
		t.Errorf("PATCH: %d %s", w.Code, w.Body)
	}
	config = object(t, w)["config"].(map[string]any)
	if config["priority"] != nil || config["dead_letter"] != nil || config["durable"] != true {
		t.Errorf("PATCH: %s", w.Body)
	}
	state := object(t, do(s, "GET", "/v0/topics/q?touch=false", ""))
	if got, want := fmt.Sprint(state["queue"]), "map[blocked:0 dead_letter_blocked:0 dead_lettered:0 delayed:0 in_flight:0 lost:0 oldest_ready_ms:0 ready:0]"; got != want {
		t.Errorf("queue %s, want %s", got, want)
	}
	for field, want := range map[string]any{
		"topic": "q", "type": "queue", "head_seq": 0.0, "earliest_seq": 1.0, "next_seq": 1.0, "count": 0.0,
		"last_write_ts": nil, "last_read_ts": nil,
	} {
		if got, ok := state[field]; !ok || got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	do(s, "POST", "/v0/topics/q", `{"records":[{}]}`)
	if ts := object(t, do(s, "GET", "/v0/topics/q", ""))["last_write_ts"]; ts != 1_700_000_000_000.0 {
		t.Errorf("last_write_ts %v", ts)
	}
	wantCode(t, do(s, "DELETE", "/v0/topics/q?if_empty=true", ""), 409, "topic_not_empty")
	for _, want := range []string{"map[deleted:true routers_removed:[] topic:q]", "map[deleted:false routers_removed:[] topic:q]"} {
		if w := do(s, "DELETE", "/v0/topics/q", ""); w.Code != 200 || fmt.Sprint(object(t, w)) != want {
			t.Errorf("DELETE: %d %s", w.Code, w.Body)
		}
	}
	wantCode(t, do(s, "GET", "/v0/topics/q", ""), 404, "topic_not_found")
	if w := do(s, "PUT", "/v0/topics/bare", ""); w.Code != 201 {
		t.Errorf("PUT without a body: %d %s", w.Code, w.Body)
	}
}

func TestListing(t *testing.T) {
	s, _ := openServer(nil)
	for i := range 25 {
		do(s, "PUT", fmt.Sprintf("/v0/topics/a%02d", i), "")
	}
	do(s, "PUT", "/v0/topics/b", "")
	var names []string
	next, pages := "", 0
	for {
		w := do(s, "GET", "/v0/topics?prefix=a&page_size=10&cursor="+next, "")
		if pages == 0 {
			w = do(s, "GET", "/v0/topics?prefix=a&page_size=10", "")
		}
		pages++
		page := object(t, w)
		for _, row := range page["topics"].([]any) {
			names = append(names, row.(map[string]any)["topic"].(string))
		}
		var more bool
		if next, more = page["next_cursor"].(string); !more {
			break
		}
	}
	if pages != 3 || len(names) != 25 || names[0] != "a00" || names[24] != "a24" {
		t.Errorf("%d pages with %v", pages, names)
	}
	row := object(t, do(s, "GET", "/v0/topics?prefix=b", ""))["topics"].([]any)[0]
	want := "map[bytes:0 caps:map[cap_bytes:0 cap_records:0 discard:old ttl_ms:0] count:0 durability:disk durable:false earliest_seq:1 effective_priority:0 " +
		"head_seq:0 last_write_ts:<nil> read_rate:0 subscribers:0 topic:b type:log write_bytes_rate:0 write_rate:0]"
	if fmt.Sprint(row) != want {
		t.Errorf("row %v\nwant %s", row, want)
	}
	if got := object(t, do(s, "GET", "/v0/topics?prefix=none", ""))["topics"].([]any); len(got) != 0 {
		t.Errorf("topics %v, want []", got)
	}
	for _, query := range []string{
		"cursor=", "cursor=x", "cursor=%00", "cursor=bnVsbA", "cursor=eyJ2IjoyLCJhZnRlciI6ImEifQ", "cursor=eyJ2IjoxLCJhZnRlciI6Ii8ifQ",
		"page_size=0", "page_size=-1", "page_size=ten", "page_size=", "page_size=1;2", "a=%zz",
	} {
		wantCode(t, do(s, "GET", "/v0/topics?"+query, ""), 400, "invalid_request")
	}
}

// Every kind of error has its status and code, and what a client should wait.
func TestErrorMap(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		code   string
		retry  string
	}{
		{kindError(record.KindInvalid, "x"), 400, "invalid_request", ""},
		{kindError(record.KindBatchTooLarge, "x"), 400, "batch_too_large", ""},
		{kindError(record.KindRecordTooLarge, "x"), 400, "record_too_large", ""},
		{kindError(record.KindNotFound, "x"), 404, "topic_not_found", ""},
		{kindError(record.KindRouterNotFound, "x"), 404, "router_not_found", ""},
		{kindError(record.KindRouterCycle, "x"), 409, "router_cycle", ""},
		{kindError(record.KindRouterFanout, "x"), 409, "router_fanout", ""},
		{kindError(record.KindIncompatible, "x"), 409, "topic_exists_incompatible", ""},
		{kindError(record.KindNotEmpty, "x"), 409, "topic_not_empty", ""},
		{kindError(record.KindSeqMismatch, "x"), 409, "seq_mismatch", ""},
		{kindError(record.KindNotQueue, "x"), 409, "not_a_queue", ""},
		{kindError(record.KindKeyLive, "x"), 409, "unique_key_live", ""},
		{kindError(record.KindNothingAcked, "x"), 409, "nothing_acked", ""},
		{kindError(record.KindFull, "x"), 422, "topic_full", ""},
		{kindError(record.KindThrottled, "x"), 429, "throttled", "1"},
		{&record.Error{Kind: record.KindThrottled, Detail: map[string]any{"retry_after_ms": 1001}}, 429, "throttled", "2"},
		{kindError(record.KindReadOnly, "x"), 503, "storage_unavailable", "1"},
		{kindError(record.KindUnavailable, "x"), 503, "storage_unavailable", "1"},
		{kindError(record.KindClosed, "x"), 503, "shutting_down", "1"},
		{kindError(record.KindNoSpace, "x"), 507, "insufficient_storage", ""},
		{kindError(record.KindDamaged, "x"), 500, "internal", ""},
		{fmt.Errorf("wrapped: %w", kindError(record.KindFull, "x")), 422, "topic_full", ""},
		{errors.New("a secret cause"), 500, "internal", ""},
	} {
		s, e := openServer(nil)
		e.fail = tc.err
		for _, w := range []*httptest.ResponseRecorder{
			do(invented{s}, "POST", "/v0/topics/t", `{"records":[{}]}`),
			do(invented{s}, "GET", "/v0/topics/t/diff", ""),
		} {
			wantCode(t, w, tc.status, tc.code)
			if got := w.Header().Get("Retry-After"); got != tc.retry {
				t.Errorf("%v: Retry-After %q, want %q", tc.err, got, tc.retry)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the cause leaks: %s", w.Body)
			}
		}
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	var log bytes.Buffer
	s, e := openServer(func(o *Options) { o.Log = zerolog.New(&log) })
	e.panics = true
	wantCode(t, do(s, "POST", "/v0/topics/t", `{"records":[{}]}`), 500, "internal")
	if !strings.Contains(log.String(), "as the test wants") || !strings.Contains(log.String(), "write.go") {
		t.Errorf("the log does not say where: %s", log.String())
	}
	e.panics = false
	if w := do(s, "POST", "/v0/topics/t", `{"records":[{}]}`); w.Code != 201 {
		t.Errorf("after the panic: %d %s", w.Code, w.Body)
	}
}

// Data routes are refused until recovery is through and after StopServing, and
// not during the drain delay between.
func TestGate(t *testing.T) {
	for name, tc := range map[string]struct {
		progress health.Progress
		open     bool
		stop     bool
		code     string // empty: served
	}{
		"starting":  {phases["starting"], false, false, "not_ready"},
		"replaying": {phases["replaying"], false, false, "not_ready"},
		"failed":    {phases["failed"], false, false, "not_ready"},
		"unopened":  {phases["ready"], false, false, "not_ready"},
		"ready":     {phases["ready"], true, false, ""},
		"draining":  {phases["draining"], true, false, ""},
		"closing":   {phases["draining"], true, true, "shutting_down"},
		"aborted":   {phases["aborted"], false, false, "shutting_down"},
		"stopped":   {phases["stopped"], true, false, "shutting_down"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.progress = tc.progress
			s := New(Options{Gate: w, Health: w, Hosts: testHosts, Log: zerolog.Nop()})
			if tc.open {
				s.Open(newMemEngine())
			}
			if tc.stop {
				s.StopServing()
			}
			for _, r := range []*httptest.ResponseRecorder{
				do(s, "PUT", "/v0/topics/t", ""), do(s, "GET", "/v0/topics", ""), do(s, "POST", "/v0/topics/t", "{"),
			} {
				if tc.code == "" {
					if r.Code >= 500 {
						t.Errorf("%d %s", r.Code, r.Body)
					}
					continue
				}
				wantCode(t, r, 503, tc.code)
				if r.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				detail, _ := parse(t, r.Body.String())["error"].(map[string]any)["detail"].(map[string]any)
				if tc.code == "not_ready" && (detail["replay_progress"] != tc.progress.Fraction || detail["phase"] != string(tc.progress.Phase)) {
					t.Errorf("detail %v", detail)
				}
			}
		})
	}
}
