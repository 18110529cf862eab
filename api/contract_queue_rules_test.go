package api

import (
	"fmt"
	"strings"
	"testing"
)

// G10, G11 and case 15: groups, what is blocked, promote, release.
func TestContractGroups(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", `"group":"g"`, `"group":"g","delay_ms":60000`, `"group":"g","priority":9`, `"group":"h"`)
		s.counts("q", 2, 1, 1, 0)
		s.claims("q", `{"node":"w","max":9}`, 1, 4)
		s.walk(step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1,4]}`, 200, `{"acked":2}`})
		s.counts("q", 0, 1, 1, 0)
		s.claims("q", `{"node":"w","max":9}`) // the head is delayed and holds its group
		s.walk(
			step{"POST /v0/topics/q/promote", `{"seqs":[2,3,77]}`, 200, `{"topic":"q","promoted":1,"skipped":[3,77],"reasons":{"3":"unknown","77":"unknown"}}`},
		)
		s.counts("q", 1, 1, 0, 0)
		s.claims("q", `{"node":"w","max":9}`, 2)
		// Taken away, it is ready again at once, and uncounted.
		a := s.send("POST /v0/topics/q/release", `{"seqs":[2,3]}`, "X-Confirm", "true")
		if d := a.differs(`{"topic":"q","released":1,"skipped":[3],"reasons":{"3":"unknown"},"ready":1,"in_flight":0}`); a.status != 200 || d != "" {
			t.Errorf("release: %s in %s", d, a.body)
		}
		if got := s.claims("q", `{"node":"w2"}`, 2); got[0].Deliveries != 1 {
			t.Errorf("%+v", got)
		}
		s.walk(
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[2]}`, 200, `{"acked":0,"reasons":{"2":"held"}}`},
			step{"POST /v0/topics/q/delete", `{"before_seq":3}`, 200, `{"deleted":1}`},
			step{"POST /v0/topics/q/ack", `{"node":"w2","seqs":[2]}`, 200, `{"acked":0,"reasons":{"2":"gone"}}`},
		)
		s.claims("q", `{"node":"w","max":9}`, 3) // however the head ends, the next is head at once

		// group_concurrency lets so many of the oldest be claimable; running leases stay as they are.
		s.queue("p", `"group_concurrency":2`)
		s.enqueue("p", `"group":"g"`, `"group":"g"`, `"group":"g"`)
		s.claims("p", `{"node":"w","max":9}`, 1, 2)
		s.walk(step{"PATCH /v0/topics/p", `{"group_concurrency":1}`, 200, ``})
		s.counts("p", 0, 1, 0, 2)
	})
}

// G11: ages and counts, whether or not a timer has run; pages of lists.
func TestContractQueueLists(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", `"delay_ms":3600000`)
		s.walk(step{"GET /v0/topics/q", ``, 200, `{"queue":{"delayed":1,"oldest_ready_ms":0}}`})
		s.enqueue("q", "")
		s.clock.Add(5000)
		s.enqueue("q", `"priority":9`)
		s.walk(
			step{"GET /v0/topics/q", ``, 200, `{"queue":{"ready":2,"oldest_ready_ms":5000}}`},
			step{"GET /v0/topics?prefix=q", ``, 200, `{"topics":"(any)"}`},
		)
		if a := s.send("GET /v0/topics?prefix=q", ""); !strings.Contains(string(a.body), `"queue":{"ready":2,"blocked":0,"in_flight":0,"delayed":1,`) {
			t.Errorf("the row has no counts: %s", a.body)
		}
		s.claims("q", `{"node":"w","lease_ms":60000}`, 3)
		a := s.send("GET /v0/topics/q/jobs?state=in_flight", "")
		want := fmt.Sprintf(`"jobs":[{"$seq":3,"state":"in_flight","deliveries":1,"$priority":9,"node":"w","deadline":%d}]`, s.clock.Load()+60000)
		if !strings.Contains(string(a.body), want) {
			t.Errorf("%s, want %s in it", a.body, want)
		}
		if a := s.send("GET /v0/topics/q/inflight", ""); !strings.Contains(string(a.body), `"lease_id":"lease_`) || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s", a.body)
		}
		s.enqueue("q", "", "", "", "", "")
		var seqs []string
		for cursor := ""; ; {
			a := s.send("GET /v0/topics/q/jobs?limit=2"+cursor, "")
			for _, part := range strings.Split(string(a.body), `{"$seq":`)[1:] {
				seq, _, _ := strings.Cut(part, ",")
				seqs = append(seqs, seq)
			}
			next := a.text("next_cursor")
			if next == "" {
				break
			}
			s.walk(
				step{"GET /v0/topics/q/jobs?state=blocked&cursor=" + next, ``, 400, badField("cursor")},
				step{"GET /v0/topics/q/inflight?cursor=" + next, ``, 400, badField("cursor")},
			)
			cursor = "&cursor=" + next
		}
		if fmt.Sprint(seqs) != "[2 4 5 6 7 8]" {
			t.Errorf("pages have %v", seqs)
		}
	})
}

// G13 and case 20: unique keys.
func TestContractUniqueKeys(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"cap_records":3,"discard":"reject"`)
		s.walk(
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k","data":1}]}`, 200, `{"first_seq":1,"last_seq":1,"seqs":[1],"count":1,"deduped_seqs":"(absent)"}`},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k","data":2}]}`, 200, `{"first_seq":0,"last_seq":0,"seqs":[1],"deduped_seqs":[1],"head_seq":1,"count":1,"deduped":false}`},
			step{"POST /v0/topics/q", `{"records":[{"data":3},{"unique_key":"k","data":4},{"unique_key":"l","data":5},{"unique_key":"l","data":6}]}`, 200,
				`{"first_seq":2,"last_seq":3,"seqs":[2,1,3,3],"deduped_seqs":[1,3],"head_seq":3,"count":4}`},
			// It is judged before discard.
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k","data":7}]}`, 200, `{"seqs":[1],"deduped_seqs":[1]}`},
			step{"POST /v0/topics/q?return_seqs=false", `{"records":[{"unique_key":"k","data":7}]}`, 200, `{"seqs":"(absent)","deduped_seqs":[1]}`},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"m","data":8}]}`, 422, refusal("topic_full")},
		)
		s.claims("q", `{"node":"w"}`, 1)
		s.walk(
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k","data":9}]}`, 200, `{"seqs":[1],"deduped_seqs":[1]}`},
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1]}`, 200, `{"acked":1}`},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k","data":10}]}`, 200, `{"seqs":[4],"deduped_seqs":"(absent)"}`},
		)
	})
}

// G20: acks with what follows them: all or nothing.
func TestContractAckThen(t *testing.T) {
	overBoth(t, func(o *Options) { o.Limits.MaxBatchRecords = 3 }, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.queue("next", "")
		s.enqueue("q", "", "", "")
		s.claims("q", `{"node":"w","max":2}`, 1, 2)
		s.walk(
			step{"PUT /v0/topics/full", `{"cap_records":1,"discard":"reject"}`, 201, ``},
			step{"POST /v0/topics/full", `{"records":[{}]}`, 200, ``},
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1],"then":[{"topic":"next","records":[{"data":"a"}]},{"topic":"full","records":[{}]}]}`, 422, refusal("topic_full")},
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1],"then":[{"topic":"next","records":[{}],"expected_head_seq":5}]}`, 409, refusal("seq_mismatch")},
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1],"then":[{"topic":"none","records":[{}],"create":false}]}`, 404, refusal("topic_not_found")},
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1],"then":[{"topic":"a","records":[{},{}]},{"topic":"b","records":[{},{}]}]}`, 400, refusal("batch_too_large")},
			step{"GET /v0/topics/next", ``, 200, `{"head_seq":0}`},
			step{"GET /v0/topics/q", ``, 200, `{"queue":{"in_flight":2}}`},
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1,3],"then":[{"topic":"next","records":[{"data":"a","delay_ms":5000},{"data":"b","group":"g"}]},{"topic":"made","records":[{"data":"c"}]}]}`, 200,
				`{"acked":1,"skipped":[3],"then":[{"topic":"next","first_seq":1,"last_seq":2,"seqs":[1,2],"head_seq":2,"count":2,"created":false,"deduped":false},` +
					`{"topic":"made","first_seq":1,"last_seq":1,"seqs":[1],"head_seq":1,"count":1,"created":true,"deduped":false}]}`},
			// Repeated, nothing is acked, and nothing is doubled.
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1,3],"then":[{"topic":"next","records":[{"data":"a"}]}]}`, 409, refusal("nothing_acked")},
			step{"GET /v0/topics/next", ``, 200, `{"head_seq":2,"queue":{"ready":1,"delayed":1}}`},
			step{"GET /v0/topics/q", ``, 200, `{"count":2}`},
		)
		a := s.send("POST /v0/topics/q/ack", `{"node":"w","seqs":[2],"then":[{"topic":"made","records":[{"data":"c","group":"g","tga":1}]}]}`)
		if want := `"warnings":["then[0].records[0]: unknown field \"tga\"; did you mean \"tag\"?","then[0].records[0]: unknown field \"group\""]`; a.status != 200 || !strings.Contains(string(a.body), want) {
			t.Errorf("%s, want %s in it", a.body, want)
		}
	})
}

// G12, G22, G24: what else ends jobs, a changed config, cohorts.
func TestContractQueueConfig(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("ttl", `"ttl_ms":1000`)
		s.enqueue("ttl", "")
		s.claims("ttl", `{"node":"w","lease_ms":60000}`, 1)
		s.clock.Add(2000)
		s.walk(
			step{"POST /v0/topics/ttl/ack", `{"node":"w","seqs":[1]}`, 200, `{"acked":0,"skipped":[1],"reasons":{"1":"gone"},"in_flight":0}`},
			step{"GET /v0/topics/ttl", ``, 200, `{"count":0,"queue":{"in_flight":0,"lost":1}}`},
		)
		s.queue("cap", `"cap_records":2`)
		s.enqueue("cap", "", "")
		s.claims("cap", `{"node":"w","max":2}`, 1, 2)
		s.enqueue("cap", "", "")
		s.walk(
			step{"GET /v0/topics/cap", ``, 200, `{"count":2,"queue":{"ready":2,"in_flight":0,"lost":2}}`},
			step{"POST /v0/topics/cap/ack", `{"node":"w","seqs":[1,2]}`, 200, `{"acked":0,"skipped":[1,2]}`},
		)
		s.queue("q", `"lease_ms":1000`)
		s.enqueue("q", "", "")
		s.claims("q", `{"node":"w"}`, 1)
		s.walk(step{"PATCH /v0/topics/q", `{"lease_ms":100,"paused":true}`, 200, ``})
		s.claims("q", `{"node":"w"}`) // paused: empty, and acks go on
		s.clock.Add(999)
		s.walk(step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1]}`, 200, `{"acked":1}`}, step{"PATCH /v0/topics/q", `{"paused":false}`, 200, ``})
		got := s.claims("q", `{"node":"w"}`, 2)
		if got[0].Deadline != s.clock.Load()+100 {
			t.Errorf("%+v", got)
		}
	})
}

// G23: a router forwards every job, also one that was acked before it came by.
// Copies keep group, priority and due time, never the unique key.
func TestContractRoutedJobs(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("a", "")
		s.queue("b", "")
		s.walk(step{"PUT /v0/routers/a>b", `{"source":"a","dest":"b"}`, 201, ``})
		s.enqueue("a", `"group":"g","priority":3,"unique_key":"k"`, `"delay_ms":5000`)
		s.claims("a", `{"node":"w"}`, 1)
		s.walk(step{"POST /v0/topics/a/ack", `{"node":"w","seqs":[1]}`, 200, `{"acked":1}`})
		s.sendUntil("GET /v0/topics/b/diff", "", func(a *answer) bool { return strings.Contains(string(a.body), `"head_seq":2`) })
		s.counts("b", 1, 0, 1, 0)
		got := s.claims("b", `{"node":"w","max":5}`, 1)
		if got[0].Group != "g" || got[0].Priority != 3 || got[0].Key != "" {
			t.Errorf("%+v", got)
		}
		s.clock.Add(5000)
		s.claims("b", `{"node":"w","max":5}`, 2)
	})
}
