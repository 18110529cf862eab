package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
)

// G6 to G9 and case 23: dead letters, their lists, replays and purges.
func TestContractDeadLetters(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		confirm := []string{"X-Confirm", "true"}
		s.queue("q", `"max_deliveries":1,"dead_letter":"dead","retry_backoff_ms":60000`)
		a := s.send("POST /v0/topics/q", `{"records":[{"data":1,"meta":{"k": 1.0},"tag":"a","group":"g","unique_key":"u","priority":4},{"data":2,"tag":"b"},{"data":3},{"data":4}]}`)
		if a.status != 200 {
			t.Fatalf("%s", a.body)
		}
		s.claims("q", `{"node":"w","max":3}`, 1, 2, 3)
		s.walk(
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1]}`, 200, `{"nacked":1,"ready":1,"in_flight":2}`},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[2],"dead":true,"reason":"bad \"stuff\""}`, 200, `{"nacked":1}`},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[3],"dead":true}`, 200, `{"nacked":1}`},
			step{"GET /v0/topics/q", ``, 200, `{"count":1,"queue":{"ready":1,"dead_lettered":3,"dead_letter_blocked":0}}`},
			step{"GET /v0/topics/dead", ``, 200, `{"type":"log","count":3,"durability":"(absent)"}`},
			step{"PUT /v0/topics/dead", `{"type":"queue","dead_letter":"q"}`, 409, refusal("topic_exists_incompatible")},
			step{"PUT /v0/topics/other", `{"type":"queue","dead_letter":"other"}`, 400, refusal("invalid_request")},
		)
		a = s.send("GET /v0/topics/q/dead-letters", "")
		want := fmt.Sprintf(`"dead_letter":"dead","dead_letters":[{"$seq":1,"source_seq":1,"deliveries":1,"reason":"max_deliveries","$ts":%d,"$tag":"a","$group":"g","$unique_key":"u","$priority":4,"data":1,`+
			`"meta":{"k": 1.0,"$dead_letter_from":"q","$dead_letter_deliveries":1,"$dead_letter_src_seq":1,"$dead_letter_reason":"max_deliveries"}}`, s.clock.Load())
		if !strings.Contains(string(a.body), want) {
			t.Errorf("%s\nwant %s in it", a.body, want)
		}
		if !strings.Contains(string(a.body), `"reason":"bad \"stuff\""`) || !strings.Contains(string(a.body), `"reason":"rejected"`) {
			t.Errorf("%s", a.body)
		}
		for query, n := range map[string]int{"?match=a": 1, "?reason=rejected": 1, "?before_seq=3": 2, "?match=none": 0, "?limit=2": 2} {
			if got := strings.Count(string(s.send("GET /v0/topics/q/dead-letters"+query, "").body), `"$seq":`); got != n {
				t.Errorf("%s: %d dead letters, want %d", query, got, n)
			}
		}
		if a := s.send("GET /v0/topics/q/jobs?state=dead", ""); strings.Count(string(a.body), `"state":"dead"`) != 4 { // three, and the page's
			t.Errorf("%s", a.body)
		}
		// A key that is live again holds the replay up; then it is a new job.
		s.walk(step{"POST /v0/topics/q", `{"records":[{"data":5,"unique_key":"u"}]}`, 200, `{"seqs":[5]}`})
		replay := func(seq string) *answer {
			return s.send("POST /v0/topics/q/dead-letters/"+seq+"/replay", "", confirm...)
		}
		if a := replay("1"); a.status != 409 || a.differs(`{"error":{"code":"unique_key_live","detail":{"seq":5}}}`) != "" {
			t.Errorf("a live key: %d %s", a.status, a.body)
		}
		if a := s.send("POST /v0/topics/q/dead-letters/2/replay", ""); a.status != 400 {
			t.Errorf("without a confirmation: %d %s", a.status, a.body)
		}
		if a := replay("2"); a.status != 200 || a.differs(`{"topic":"q","count":1,"seqs":[6],"skipped":[],"reasons":{},"left":2}`) != "" {
			t.Errorf("a replay: %d %s", a.status, a.body)
		}
		for _, seq := range []string{"2", "77"} {
			if a := replay(seq); a.status != 404 || a.differs(refusal("not_found")) != "" {
				t.Errorf("again: %d %s", a.status, a.body)
			}
		}
		for _, seq := range []string{"x", "-1", "18446744073709551616"} {
			if a := replay(seq); a.status != 400 || a.differs(badField("seq")) != "" {
				t.Errorf("%s: %d %s", seq, a.status, a.body)
			}
		}
		// Of many, those that cannot go back are skipped.
		a = s.send("POST /v0/topics/q/redrive", `{"limit":10,"rate":100000}`, confirm...)
		if d := a.differs(`{"topic":"q","count":1,"skipped":[1],"reasons":{"1":"unique_key_live"},"left":1}`); a.status != 200 || d != "" {
			t.Errorf("redrive: %d %s", a.status, a.body)
		}
		got := s.claims("q", `{"node":"w","max":9}`, 4, 5, 6, 7)
		if got[2].Deliveries != 1 || string(got[2].Meta) != "" {
			t.Errorf("%+v", got[2])
		}
		s.walk(step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[4,6,7],"dead":true}`, 200, `{"nacked":3}`})
		a = s.send("DELETE /v0/topics/q/dead-letters?limit=1", "", confirm...)
		if d := a.differs(`{"topic":"q","count":1,"left":3}`); a.status != 200 || d != "" {
			t.Errorf("purge: %d %s", a.status, a.body)
		}
		if a := s.send("DELETE /v0/topics/q/dead-letters/1", "", confirm...); a.status != 404 {
			t.Errorf("deleted: %d %s", a.status, a.body)
		}
		if a := s.send("DELETE /v0/topics/q/dead-letters/4", "", confirm...); a.status != 200 || a.differs(`{"count":1,"left":2}`) != "" {
			t.Errorf("delete: %d %s", a.status, a.body)
		}
		if a := s.send("DELETE /v0/topics/q/dead-letters", "", confirm...); a.status != 200 || a.differs(`{"count":2,"left":0}`) != "" {
			t.Errorf("purge all: %d %s", a.status, a.body)
		}
	})
}

// A redrive is of some seqs, or of those with a tag, a reason or a seq below another; a
// letter that is named and not there is skipped.
func TestContractRedrive(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"dead_letter":"dead"`)
		for _, tag := range []string{"a", "b", "a", "b", "c", "c"} {
			s.walk(step{"POST /v0/topics/q", `{"records":[{"data":1,"tag":"` + tag + `"}]}`, 200, ``})
		}
		s.claims("q", `{"node":"w","max":9}`, 1, 2, 3, 4, 5, 6)
		s.walk(
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1,2,3,4],"dead":true}`, 200, `{"nacked":4}`},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[5,6],"dead":true,"reason":"x"}`, 200, `{"nacked":2}`},
		)
		for _, tc := range []struct {
			body   string
			status int
			answer string
		}{
			{`{"seqs":[2,77,2]}`, 200, `{"topic":"q","count":1,"skipped":[77],"reasons":{"77":"not_found","2":"(absent)"},"left":5}`},
			{`{"seqs":[]}`, 200, `{"count":0,"skipped":[],"left":5}`},
			{`{"match":"none"}`, 200, `{"count":0,"left":5}`},
			{`{"match":["tag","Eq","a"],"limit":1}`, 200, `{"count":1,"left":4}`},
			{`{"match":["tag","Eq","b"],"before_seq":4}`, 200, `{"count":0,"left":4}`},
			{`{"match":["tag","Eq","b"],"before_seq":5}`, 200, `{"count":1,"left":3}`},
			{`{"reason":"x","match":["tag","Eq","a"]}`, 200, `{"count":0,"left":3}`},
			{`{"reason":"x"}`, 200, `{"count":2,"left":1}`},
			{`{"seqs":["1"]}`, 400, badField("seqs")},
			{`{"seqs":[-1]}`, 400, badField("seqs")},
			{`{"match":["tag","Eq"]}`, 400, badField("match")},
			{`{"match":7}`, 400, badField("match")},
			{`{"rate":-1}`, 400, badField("rate")},
			{`{"limit":-1}`, 400, badField("limit")},
			{`{"before_seq":-1}`, 400, badField("before_seq")},
			{`{"seqs":[` + strings.Repeat("1,", 1000) + `1]}`, 400, refusal("batch_too_large")},
			{`{}`, 200, `{"count":1,"left":0}`},
		} {
			a := s.send("POST /v0/topics/q/redrive", tc.body, "X-Confirm", "true")
			if d := a.differs(tc.answer); a.status != tc.status || d != "" {
				t.Errorf("%.60s: %d %s: %s", tc.body, a.status, a.body, d)
			}
		}
		s.counts("q", 6, 0, 0, 0)
	})
}

// A page of large dead letters ends by its bytes, and its cursor goes on.
func TestContractLargeDeadLetters(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const n = 12
		s.queue("q", `"dead_letter":"dead"`)
		body := `{"records":[{"data":"` + strings.Repeat("x", 1_000_000) + `"}]}`
		for seq := range uint64(n) {
			s.walk(step{"POST /v0/topics/q", body, 200, ``})
			s.claims("q", `{"node":"w"}`, seq+1)
			s.walk(step{"POST /v0/topics/q/nack", fmt.Sprintf(`{"node":"w","seqs":[%d],"dead":true}`, seq+1), 200, ``})
		}
		a := s.send("GET /v0/topics/q/dead-letters?limit=1000", "")
		_, cursor, more := strings.Cut(string(a.body), `"next_cursor":"`)
		if got := strings.Count(string(a.body), `"source_seq":`); a.status != 200 || got != 8 || !more {
			t.Fatalf("%d with %d letters, %.200s", a.status, got, a.body)
		}
		cursor, _, _ = strings.Cut(cursor, `"`)
		a = s.send("GET /v0/topics/q/dead-letters?limit=1000&cursor="+cursor, "")
		if got := strings.Count(string(a.body), `"source_seq":`); got != n-8 || strings.Contains(string(a.body), "next_cursor") {
			t.Fatalf("%d letters", got)
		}
	})
}

// A key must see the dead-letter topic and the topics of what follows an ack.
func TestContractQueueKeys(t *testing.T) {
	keys, err := auth.Parse("boss,in::in,worker:rw:in")
	if err != nil {
		t.Fatal(err)
	}
	overBoth(t, func(o *Options) { o.Keys = keys }, func(t *testing.T, s *contractServer) {
		as := func(key string) []string { return []string{"Authorization", "Bearer " + key, "X-Confirm", "true"} }
		for _, tc := range []struct {
			key, ask, body string
			status         int
		}{
			{"in", "PUT /v0/topics/in-q", `{"type":"queue","dead_letter":"out"}`, 403},
			{"boss", "PUT /v0/topics/in-q", `{"type":"queue","dead_letter":"out"}`, 201},
			{"boss", "POST /v0/topics/in-q", `{"records":[{},{}]}`, 200},
			{"worker", "POST /v0/topics/in-q/claim", `{"node":"w"}`, 200},
			{"worker", "POST /v0/topics/in-q/ack", `{"node":"w","seqs":[1],"then":[{"topic":"out","records":[{}]}]}`, 403},
			{"worker", "POST /v0/topics/in-q/ack", `{"node":"w","seqs":[1],"then":[{"topic":"in-b","records":[{}],"config":{}}]}`, 403},
			{"worker", "POST /v0/topics/in-q/nack", `{"node":"w","seqs":[1],"dead":true}`, 200},
			{"worker", "POST /v0/topics/in-q/release", `{"seqs":[1]}`, 403},
			{"worker", "POST /v0/topics/out/claim", `{"node":"w"}`, 403},
			{"worker", "GET /v0/topics/out/work?node=w", ``, 403},
			{"worker", "GET /v0/topics/in-q/jobs?state=dead", ``, 403},
			{"in", "GET /v0/topics/in-q/dead-letters", ``, 403},
			{"in", "POST /v0/topics/in-q/dead-letters/1/replay", ``, 403},
			{"in", "POST /v0/topics/in-q/redrive", `{}`, 403},
			{"in", "DELETE /v0/topics/in-q/dead-letters", ``, 403},
			{"in", "DELETE /v0/topics/in-q/dead-letters/1", ``, 403},
			{"in", "GET /v0/topics/in-q/jobs", ``, 200},
			{"boss", "GET /v0/topics/in-q/dead-letters", ``, 200},
		} {
			if a := s.send(tc.ask, tc.body, as(tc.key)...); a.status != tc.status {
				t.Errorf("%s %s with %s: %d %s, want %d", tc.ask, tc.body, tc.key, a.status, a.body, tc.status)
			}
		}
	})
}
