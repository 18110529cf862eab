package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
)

// G18: whatever makes a job claimable wakes the claim that waits, with no other
// traffic. The expiry and the due time are in TestContractWaitingClaims.
func TestContractWakes(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		line := s.line()
		for _, tc := range []struct {
			name    string
			jobs    []string
			claimed []uint64 // before the one that waits
			before  *step
			wakes   step
			seq     uint64
			count   int // its deliveries
		}{
			{"write", nil, nil, nil, step{"POST /v0/topics/q", `{"records":[{"data":1}]}`, 200, ``}, 1, 1},
			{"nack", []string{""}, []uint64{1}, nil, step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1]}`, 200, `{"nacked":1}`}, 1, 2},
			{"unstarted", []string{""}, []uint64{1}, nil, step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1],"unstarted":true}`, 200, `{"nacked":1}`}, 1, 1},
			{"release", []string{""}, []uint64{1}, nil, step{"POST /v0/topics/q/release", `{"seqs":[1]}`, 200, `{"released":1}`}, 1, 1},
			{"promote", []string{`"delay_ms":3600000`}, nil, nil, step{"POST /v0/topics/q/promote", `{"seqs":[1]}`, 200, `{"promoted":1}`}, 1, 1},
			{"resume", []string{""}, nil, &step{"PATCH /v0/topics/q", `{"paused":true}`, 200, ``}, step{"PATCH /v0/topics/q", `{"paused":false}`, 200, ``}, 1, 1},
			{"ack of the head", []string{`"group":"g"`, `"group":"g"`}, []uint64{1}, nil, step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1]}`, 200, `{"acked":1}`}, 2, 1},
			{"delete of the head", []string{`"group":"g"`, `"group":"g"`}, []uint64{1}, nil, step{"POST /v0/topics/q/delete", `{"before_seq":2}`, 200, `{"deleted":1}`}, 2, 1},
			{"death of the head", []string{`"group":"g"`, `"group":"g"`}, []uint64{1}, nil, step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1],"dead":true}`, 200, `{"nacked":1}`}, 2, 1},
			{"eviction of the head", []string{`"group":"g"`, `"group":"g"`}, []uint64{1}, nil, step{"PATCH /v0/topics/q", `{"cap_records":1}`, 200, ``}, 2, 1},
			{"promotion of the head", []string{`"group":"g","delay_ms":3600000`, `"group":"g"`}, nil, nil, step{"POST /v0/topics/q/promote", `{"seqs":[1]}`, 200, `{"promoted":1}`}, 1, 1},
			{"concurrency", []string{`"group":"g"`, `"group":"g"`}, []uint64{1}, nil, step{"PATCH /v0/topics/q", `{"group_concurrency":2}`, 200, ``}, 2, 1},
		} {
			s.queue("q", `"dead_letter":"dead"`)
			if len(tc.jobs) > 0 {
				s.enqueue("q", tc.jobs...)
			}
			if len(tc.claimed) > 0 {
				s.claims("q", `{"node":"w","lease_ms":3600000}`, tc.claimed...)
			}
			if tc.before != nil {
				s.walk(*tc.before)
			}
			waits := s.waiting(t.Context(), line, `{"node":"v","wait_ms":30000}`)
			a := s.send(tc.wakes.ask, tc.wakes.body, "X-Confirm", "true")
			if a.status != tc.wakes.status || tc.wakes.want != "" && a.differs(tc.wakes.want) != "" {
				t.Fatalf("%s: %d %s", tc.name, a.status, a.body)
			}
			got := (<-waits).claimed()
			if !slices.Equal(seqsOf(got), []uint64{tc.seq}) || got[0].Deliveries != tc.count {
				t.Errorf("%s: %+v, want job %d for the time %d", tc.name, got, tc.seq, tc.count)
			}
			s.walk(step{"DELETE /v0/topics/q", ``, 200, ``})
		}
		// The end of a stream, too.
		s.queue("q", "")
		s.enqueue("q", "")
		c := s.work("node=w")
		c.job(1)
		waits := s.waiting(t.Context(), line, `{"node":"v","wait_ms":30000}`)
		c.hangUp()
		if got := (<-waits).claimed(); !slices.Equal(seqsOf(got), []uint64{1}) || got[0].Deliveries != 2 {
			t.Errorf("the end of a stream: %+v", got)
		}
	})
}

// G18: streams and claims that wait are one line.
func TestContractStreamsInLine(t *testing.T) {
	overBothTimed(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		line := s.line()
		first := s.waiting(t.Context(), line, `{"node":"a","wait_ms":30000}`)
		stream := s.work("node=s&max=1")
		last := s.waiting(t.Context(), line, `{"node":"b","wait_ms":30000}`)
		s.enqueue("q", "", "", "")
		if got := (<-first).claimed(); !slices.Equal(seqsOf(got), []uint64{1}) {
			t.Errorf("the first: %+v", got)
		}
		stream.job(2)
		if got := (<-last).claimed(); !slices.Equal(seqsOf(got), []uint64{3}) {
			t.Errorf("the last: %+v", got)
		}
	})
}

// G3 and case 29: a lease of a topic that was deleted holds nothing of one that was made
// again, and no lease is given twice.
func TestContractQueueCase29MadeAgain(t *testing.T) {
	for _, durable := range []bool{false, true} {
		overBoth(t, nil, func(t *testing.T, s *contractServer) {
			given := map[string]bool{}
			old := ""
			for range 4 {
				s.queue("q", fmt.Sprintf(`"leases_durable":%v`, durable))
				s.enqueue("q", "", "")
				got := s.claims("q", `{"node":"w","max":2}`, 1, 2)
				for _, j := range got {
					if given[j.Lease] {
						t.Errorf("%s is given twice", j.Lease)
					}
					given[j.Lease] = true
				}
				if old != "" {
					for _, call := range []string{"ack", "nack", "extend"} {
						s.walk(step{"POST /v0/topics/q/" + call, `{"node":"w","seqs":[1],"lease_ids":["` + old + `"]}`, 200, `{"skipped":[1],"reasons":{"1":"held"}}`})
					}
					s.counts("q", 0, 0, 0, 2)
				}
				old = got[0].Lease
				s.walk(step{"DELETE /v0/topics/q", ``, 200, ``})
			}
		})
	}
}

// Section 11: what a key may do with jobs is the same over a WebSocket.
func TestContractSocketJobKeys(t *testing.T) {
	keys, err := auth.Parse("reads:r,writes:w,inside::in,all")
	if err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, func(o *Options) { o.Keys = keys }, nil)
	for _, name := range []string{"in-q", "out-q"} {
		if w := do(s, "POST", "/v0/topics/"+name, `{"records":[{},{},{}],"config":{"type":"queue"}}`, "Authorization", "Bearer all"); w.Code != 201 {
			t.Fatal(w.Body)
		}
	}
	for key, want := range map[string]map[string]string{
		"reads": {"claim": "forbidden", "work": "forbidden", "ack": "forbidden", "nack": "forbidden", "extend": "forbidden"},
		// A claim and a stream read, too.
		"writes": {"claim": "forbidden", "work": "forbidden", "ack": "acked", "nack": "nacked", "extend": "extended"},
		"inside": {"claim": "forbidden", "work": "forbidden", "ack": "forbidden", "nack": "forbidden", "extend": "forbidden"},
		"all":    {"claim": "claimed", "work": "working", "ack": "acked", "nack": "nacked", "extend": "extended"},
	} {
		for call, op := range want {
			c := s.dial(t, "Authorization", "Bearer "+key)
			c.say(`{"op":%q,"request_id":1,"topic":"out-q","node":"w","seqs":[9]}`, call)
			if m := c.hear(); m.Op != op && m.Code != op {
				t.Errorf("%s says %s: %s, want %s", key, call, m.raw, op)
			}
			_ = c.CloseNow()
		}
	}
	c := s.dial(t, "Authorization", "Bearer inside")
	c.say(`{"op":"claim","topic":"in-q","node":"w"}`)
	c.want("claimed")
	c.say(`{"op":"ack","topic":"in-q","node":"w","seqs":[1],"then":[{"topic":"out-q","records":[{}]}]}`)
	if m := c.want("error"); m.Code != "forbidden" {
		t.Errorf("%s", m.raw)
	}
	c.say(`{"op":"ack","topic":"in-q","node":"w","seqs":[1]}`)
	c.want("acked")
}
