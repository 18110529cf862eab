package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

func TestDeleteAnswer(t *testing.T) {
	for body, want := range map[string]string{
		`{"before_seq":0}`: "deleted:0 earliest_seq:1 head_seq:5 count:5",
		`{"before_seq":3}`: "deleted:2 earliest_seq:3 head_seq:5 count:3",
		`{"before_seq":18446744073709551615,"new":[{}]}`: "deleted:5 earliest_seq:6 head_seq:5 count:0",
		`{"match":"a1"}`:                               "deleted:1 earliest_seq:2 head_seq:5 count:4",
		`{"match":"a*"}`:                               "deleted:2 earliest_seq:3 head_seq:5 count:3",
		`{"match":["tag","Eq","a*"]}`:                  "deleted:0 earliest_seq:1 head_seq:5 count:5",
		`{"match":["tag","Eq","b"],"before_seq":null}`: "deleted:2 earliest_seq:1 head_seq:5 count:3",
		`{"match":["tag","Glob","*"]}`:                 "deleted:4 earliest_seq:5 head_seq:5 count:1",
		`{"match":["tag","Glob","b*"],"before_seq":4}`: "deleted:1 earliest_seq:1 head_seq:5 count:4",
		`{"match":null,"before_seq":2}`:                "deleted:1 earliest_seq:2 head_seq:5 count:4",
	} {
		s, e := openServer(nil)
		e.cost = topic.Cost{Append: time.Millisecond, Sync: 2 * time.Millisecond}
		do(s, "POST", "/v0/topics/t", `{"records":[{"tag":"a1"},{"tag":"a2"},{"tag":"b"},{"tag":"b"},{}]}`)
		w := do(s, "POST", "/v0/topics/t/delete", body)
		perf, _ := parse(t, w.Body.String())["performance"].(map[string]any)
		if perf["wal_append_ms"] != 1.0 || perf["fsync_ms"] != 2.0 {
			t.Errorf("%s: performance %v", body, perf)
		}
		got := object(t, w)
		head := fmt.Sprintf("deleted:%v earliest_seq:%v head_seq:%v count:%v", got["deleted"], got["earliest_seq"], got["head_seq"], got["count"])
		delete(got, "warnings")
		if w.Code != 200 || head != want || got["topic"] != "t" || got["bytes"] != 10*got["count"].(float64) || len(got) != 6 {
			t.Errorf("%s: %d %v, want %s", body, w.Code, got, want)
		}
	}
}

func TestRefusedDeletes(t *testing.T) {
	s, e := openServer(nil)
	do(s, "POST", "/v0/topics/t", `{"records":[{"tag":"a"}]}`)
	for body, message := range map[string]string{
		``:                                    "before_seq or match is needed",
		`{}`:                                  "before_seq or match is needed",
		`{"before_seq":null,"match":null}`:    "before_seq or match is needed",
		`{"before":7}`:                        "before_seq or match is needed",
		`{"before_seq":-1}`:                   "before_seq: expected an integer that is not negative",
		`{"before_seq":"7"}`:                  "before_seq: expected a number",
		`{"before_seq":1.5}`:                  "before_seq: expected an integer",
		`{"before_seq":18446744073709551616}`: "before_seq: expected an integer of 64 bits",
		`{"match":7}`:                         "match: expected a string or an array",
		`{"match":{}}`:                        "match: expected a string or an array",
		`{"match":["node","Eq","a"]}`:         "match: must be",
		`{"match":["tag","Eq"]}`:              "match: must be",
		`{"match":["tag","Like","a"]}`:        "match: operator",
		`{"match":["tag","Glob","a"]}`:        "match: Glob",
		`{"match":"a*b"}`:                     "match: Glob",
		`{"match":"a","before_seq":true}`:     "before_seq: expected a number",
		`[]`:                                  "the body: expected an object",
		`{"match":"a"`:                        "not valid JSON",
		`{"match":"` + strings.Repeat("x", 1025) + `"}`: "match: has 1025 bytes",
	} {
		if got := wantCode(t, do(s, "POST", "/v0/topics/t/delete", body), 400, "invalid_request"); !strings.Contains(got, message) {
			t.Errorf("%.60s: %q, want %q in it", body, got, message)
		}
	}
	wantCode(t, do(s, "POST", "/v0/topics/-t/delete", `{"match":"a"}`), 400, "invalid_request")
	wantCode(t, do(s, "POST", "/v0/topics/absent/delete", `{"match":"a"}`), 404, "topic_not_found")
	wantCode(t, do(s, "GET", "/v0/topics/absent", ""), 404, "topic_not_found")
	if st, err := e.State("t", false); err != nil || st.Count != 1 {
		t.Errorf("refused deletes left %d records, %v", st.Count, err)
	}
	e.fail = kindError(record.KindReadOnly, "x")
	wantCode(t, do(s, "POST", "/v0/topics/t/delete", `{"match":"a"}`), 503, "storage_unavailable")
}

// A read says how many cold segments it waited for, and nothing if for none.
func TestColdSegmentsRead(t *testing.T) {
	s, e := openServer(nil)
	do(s, "PUT", "/v0/topics/t", "")
	for _, tc := range []struct {
		cold int
		want any
	}{{0, nil}, {3, 3.0}} {
		e.cold = tc.cold
		perf := parse(t, do(s, "GET", "/v0/topics/t/diff", "").Body.String())["performance"].(map[string]any)
		if perf["cold_segments_read"] != tc.want {
			t.Errorf("%d segments: %v", tc.cold, perf)
		}
	}
}
