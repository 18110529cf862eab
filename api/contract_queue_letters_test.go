package api

import (
	"fmt"
	"strings"
	"testing"
)

// Case 22 and G8: a chain of dead-letter topics that leads back is refused, by
// whatever sets the config, and makes no topic.
func TestContractQueueCase22Cycles(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("a", `"dead_letter":"b"`)
		s.walk(
			step{"GET /v0/topics/b", ``, 404, refusal("topic_not_found")},
			step{"PUT /v0/topics/b", `{"type":"queue","dead_letter":"a"}`, 400, badField("dead_letter")},
			step{"PUT /v0/topics/b", `{"type":"queue","dead_letter":"c"}`, 201, ``},
			step{"PUT /v0/topics/c", `{"type":"queue","dead_letter":"a"}`, 400, badField("dead_letter")},
			step{"POST /v0/topics/c", `{"records":[{"data":1}],"config":{"type":"queue","dead_letter":"a"}}`, 400, badField("dead_letter")},
			step{"PUT /v0/topics/d", `{"type":"queue","dead_letter":"d"}`, 400, badField("dead_letter")},
			step{"PATCH /v0/topics/b", `{"dead_letter":"a"}`, 400, badField("dead_letter")},
			step{"PATCH /v0/topics/b", `{"dead_letter":"b"}`, 400, badField("dead_letter")},
			step{"GET /v0/topics/b", ``, 200, `{"config":{"dead_letter":"c"}}`},
		)
		for _, name := range []string{"c", "d"} {
			s.walk(step{"GET /v0/topics/" + name, ``, 404, refusal("topic_not_found")})
		}
	})
}

// Case 22, G7 and G8: a dead letter in a topic that is a queue itself is a plain job
// there. When it dies again, the second note replaces the first one, and the rest of
// its meta stays byte for byte.
func TestContractQueueCase22SecondDeath(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("a", `"dead_letter":"b"`)
		s.queue("b", `"dead_letter":"c"`)
		const meta = `{ "k" : 1.0 , "k":2e+00,	"$dead_letter_reason":"mine" , "x":[ 1 , {"$dead_letter_from":"y"} ] }`
		const kept = `{ "k" : 1.0 , "k":2e+00, "x":[ 1 , {"$dead_letter_from":"y"} ] ,"$dead_letter_from":`
		for seq := 1; seq <= 3; seq++ {
			priority := seq - 2 // the last one is the most urgent
			s.walk(
				step{"POST /v0/topics/a", fmt.Sprintf(`{"records":[{"data":%d,"group":"g","unique_key":"u","priority":%d,"meta":%s}]}`, seq, priority, meta), 200, fmt.Sprintf(`{"seqs":[%d],"deduped_seqs":"(absent)"}`, seq)},
				step{"POST /v0/topics/a/claim", `{"node":"w"}`, 200, `{"count":1}`},
				step{"POST /v0/topics/a/nack", fmt.Sprintf(`{"node":"w","seqs":[%d],"dead":true}`, seq), 200, `{"nacked":1}`},
			)
		}
		s.counts("b", 3, 0, 0, 0) // the group holds none up, the key dedupes none
		s.walk(step{"POST /v0/topics/b", `{"records":[{"data":4,"unique_key":"u"}]}`, 200, `{"seqs":[4],"deduped_seqs":"(absent)"}`})
		got := s.claims("b", `{"node":"w","max":9}`, 1, 2, 3, 4) // by seq, whatever the priority
		for i, j := range got[:3] {
			want := kept + fmt.Sprintf(`"a","$dead_letter_deliveries":1,"$dead_letter_src_seq":%d,"$dead_letter_reason":"rejected"}`, i+1)
			if string(j.Meta) != want {
				t.Errorf("the first death: %s\nwant %s", j.Meta, want)
			}
		}
		s.walk(step{"POST /v0/topics/b/nack", `{"node":"w","seqs":[2],"dead":true,"reason":"again"}`, 200, `{"nacked":1}`})
		a := s.send("GET /v0/topics/b/dead-letters", "")
		want := kept + `"b","$dead_letter_deliveries":1,"$dead_letter_src_seq":2,"$dead_letter_reason":"again"}`
		if !strings.Contains(string(a.body), `"meta":`+want) || strings.Count(string(a.body), `"source_seq":`) != 1 {
			t.Errorf("the second death: %s\nwant %s", a.body, want)
		}
		// A letter that its topic has leased may be replayed: it is a job of its queue again.
		if a := s.send("POST /v0/topics/a/dead-letters/3/replay", "", "X-Confirm", "true"); a.status != 200 || a.differs(`{"count":1,"seqs":[4]}`) != "" {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.walk(step{"POST /v0/topics/b/ack", `{"node":"w","seqs":[3]}`, 200, `{"acked":0,"reasons":{"3":"gone"}}`})
		back := s.claims("a", `{"node":"w"}`, 4)
		if plain := `{ "k" : 1.0 , "k":2e+00, "x":[ 1 , {"$dead_letter_from":"y"} ] }`; string(back[0].Meta) != plain || back[0].Group != "g" || back[0].Key != "u" || back[0].Priority != 1 {
			t.Errorf("after a replay: %+v, meta %s, want %s", back[0], back[0].Meta, plain)
		}
		s.walk(step{"POST /v0/topics/a", `{"records":[{"unique_key":"u","data":5}]}`, 200, `{"deduped_seqs":[4]}`})
	})
}

// G7: only the server's own names are its note: others that are nearly the same hide no
// dead letter.
func TestContractDeadLetterLookalikes(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"dead_letter":"dead"`)
		for i, meta := range []string{
			`{"$DEAD_LETTER_DELIVERIES":"many"}`, `{"$Dead_Letter_From":7}`, `{"x":{"$dead_letter_from":7}}`, `{"\\":1,"a\"":"{,"}`,
		} {
			seq := fmt.Sprint(2*i + 1)
			s.walk(
				step{"POST /v0/topics/q", `{"records":[{"data":1,"meta":` + meta + `}]}`, 200, ``},
				step{"POST /v0/topics/q/claim", `{"node":"w"}`, 200, `{"count":1}`},
				step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[` + seq + `],"dead":true}`, 200, `{"nacked":1}`},
			)
			a := s.send("GET /v0/topics/q/dead-letters", "")
			if want := `"meta":` + strings.TrimSuffix(meta, "}") + `,"$dead_letter_from":"q",`; !strings.Contains(string(a.body), want) {
				t.Errorf("%s is listed as %s", meta, a.body)
			}
			if a := s.send("POST /v0/topics/q/redrive", `{}`, "X-Confirm", "true"); a.differs(`{"count":1,"left":0}`) != "" {
				t.Fatalf("%s: %s", meta, a.body)
			}
			if got := s.claims("q", `{"node":"w"}`, uint64(2*i+2)); string(got[0].Meta) != meta {
				t.Errorf("%s came back as %s", meta, got[0].Meta)
			}
		}
	})
}

// Case 23 and G6: a limit that is lowered, and a dead-letter topic that is set later,
// take the job at the next claim, which answers the next job.
func TestContractQueueCase23LoweredLimit(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", "", "")
		for range 3 {
			s.claims("q", `{"node":"w"}`, 1)
			s.walk(step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1]}`, 200, `{"nacked":1}`})
		}
		s.walk(step{"PATCH /v0/topics/q", `{"max_deliveries":1}`, 200, ``})
		if got := s.claims("q", `{"node":"w"}`, 1); got[0].Deliveries != 4 { // there is no dead-letter topic
			t.Errorf("%+v", got)
		}
		s.walk(
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1]}`, 200, `{"nacked":1,"ready":2}`},
			step{"PATCH /v0/topics/q", `{"dead_letter":"dead"}`, 200, ``},
		)
		s.claims("q", `{"node":"w"}`, 2)
		waitFor(t, func() bool { return s.queueOf("q").DeadLettered == 1 }) // the claim does not wait for the move
		s.walk(
			step{"GET /v0/topics/dead", ``, 200, `{"count":1}`},
			step{"GET /v0/topics/q", ``, 200, `{"count":1,"queue":{"dead_lettered":1,"in_flight":1}}`},
		)
	})
}

// Case 24 and G7: what a dead letter's meta gets does not count towards the limits of
// a record; it comes back from a replay as it was.
func TestContractQueueCase24LargeMeta(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		var members []string
		for i := range 64 {
			members = append(members, fmt.Sprintf(`"key%02d":"x"`, i))
		}
		meta := `{` + strings.Join(members, ",") + `}`
		meta = strings.Replace(meta, `"x"`, `"`+strings.Repeat("x", 1+16<<10-len(meta))+`"`, 1)
		s.queue("q", `"dead_letter":"dead"`)
		s.walk(
			step{"POST /v0/topics/q", `{"records":[{"data":1,"meta":` + strings.Replace(meta, `"x"`, `"xx"`, 1) + `}]}`, 400, badField("records[0].meta")},
			step{"POST /v0/topics/q", `{"records":[{"data":1,"meta":` + meta + `}]}`, 200, ``},
		)
		s.claims("q", `{"node":"w"}`, 1)
		reason := strings.Repeat("r", 1024)
		s.walk(step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1],"dead":true,"reason":"` + reason + `"}`, 200, `{"nacked":1,"ready":0,"in_flight":0}`})
		a := s.send("GET /v0/topics/q/dead-letters", "")
		if want := `"meta":` + strings.TrimSuffix(meta, "}") + `,"$dead_letter_from":"q"`; !strings.Contains(string(a.body), want) || !strings.Contains(string(a.body), `"reason":"`+reason+`"`) {
			t.Errorf("%.400s", a.body)
		}
		if a := s.send("POST /v0/topics/q/dead-letters/1/replay", "", "X-Confirm", "true"); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
		if got := s.claims("q", `{"node":"w"}`, 2); string(got[0].Meta) != meta {
			t.Errorf("%.400s", got[0].Meta)
		}
	})
}

// G9: a replay is a new record at the tail. One that is refused leaves the letter where
// it is.
func TestContractRefusedReplays(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		replay := func(status int, want string) {
			t.Helper()
			a := s.send("POST /v0/topics/q/dead-letters/1/replay", "", "X-Confirm", "true")
			if a.status != status || a.differs(want) != "" {
				t.Errorf("%d %s, want %d %s", a.status, a.body, status, want)
			}
		}
		s.queue("q", `"dead_letter":"dead","cap_records":2,"discard":"reject","ttl_ms":10000`)
		s.enqueue("q", "", "")
		s.claims("q", `{"node":"w"}`, 1)
		s.walk(step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1],"dead":true}`, 200, `{"nacked":1}`})
		s.clock.Add(6000)
		s.enqueue("q", "")
		replay(422, refusal("topic_full"))
		if a := s.send("POST /v0/topics/q/redrive", `{}`, "X-Confirm", "true"); a.status != 200 || a.differs(`{"count":0,"skipped":[1],"reasons":{"1":"topic_full"},"left":1}`) != "" {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.walk(step{"POST /v0/topics/q/delete", `{"before_seq":3}`, 200, `{"deleted":1}`})
		now := s.clock.Load()
		replay(200, `{"seqs":[4],"left":0}`)
		s.walk(step{"GET /v0/topics/dead", ``, 200, `{"count":0}`})
		if a := s.send("GET /v0/topics/q/diff?from_seq=3", ""); !strings.Contains(string(a.body), fmt.Sprintf(`{"$seq":4,"$ts":%d,"data":0}`, now)) {
			t.Errorf("%s", a.body)
		}
		s.clock.Add(9999) // its ttl begins anew
		s.claims("q", `{"node":"w","max":9}`, 3, 4)
		s.walk(
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[4],"dead":true}`, 200, `{"nacked":1}`},
			step{"DELETE /v0/topics/q", ``, 200, ``},
		)
		replay(404, refusal("topic_not_found"))
		s.walk(step{"GET /v0/topics/dead", ``, 200, `{"count":1}`})
	})
}
