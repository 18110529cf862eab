package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/queue"
)

// G1, G3, G15, G20, G21: a claim's answer and its order, leases, and who may end them.
func TestContractClaims(t *testing.T) {
	overBoth(t, func(o *Options) { o.Limits.MaxClaim = 5 }, func(t *testing.T, s *contractServer) {
		s.queue("q", `"lease_ms":1000`)
		a := s.send("POST /v0/topics/q", `{"records":[{"data":{"n":1.0},"tag":"a","node":"n","meta":{"k":1}},{"data":2}]}`)
		if a.status != 200 {
			t.Fatalf("%s", a.body)
		}
		a = s.send("POST /v0/topics/q/claim", `{"node":"w1"}`)
		if d := a.differs(`{"topic":"q","count":1,"ready":1}`); d != "" {
			t.Fatalf("%s in %s", d, a.body)
		}
		job := a.claimed()[0]
		want := fmt.Sprintf(`"claimed":[{"$seq":1,"lease_id":%q,"deadline":%d,"deliveries":1,"$ts":%d,"$node":"n","$tag":"a","data":{"n":1.0},"meta":{"k":1}}]`,
			job.Lease, s.clock.Load()+1000, s.clock.Load())
		if !strings.Contains(string(a.body), want) {
			t.Errorf("%s, want %s in it", a.body, want)
		}
		if _, ok := queue.ParseLeaseID(job.Lease); !ok {
			t.Errorf("lease %s", job.Lease)
		}
		short := s.claims("q", `{"node":"w1","max":0,"lease_ms":-5}`, 2)[0]
		if short.Deadline != s.clock.Load()+100 {
			t.Errorf("a negative lease ends at %d, want it clamped to 100 ms from %d on", short.Deadline, s.clock.Load())
		}
		s.walk(step{"POST /v0/topics/q/extend", `{"node":"w1","seqs":[2],"lease_ms":-1}`, 200, fmt.Sprintf(`{"extended":1,"deadlines":{"2":%d}}`, s.clock.Load()+100)})
		s.claims("q", `{"node":"w1","max":-1,"wait_ms":0,"lease_ms":5}`)
		s.counts("q", 0, 0, 0, 2)

		// Late is late, whether or not anybody else came.
		s.clock.Add(1001)
		s.walk(step{"POST /v0/topics/q/ack", `{"node":"w1","seqs":[1],"lease_ids":["` + job.Lease + `"]}`, 200,
			`{"topic":"q","acked":0,"skipped":[1],"reasons":{"1":"expired"}}`})
		s.walk(step{"POST /v0/topics/q/extend", `{"node":"w1","seqs":[1]}`, 200, `{"extended":0,"skipped":[1],"deadlines":{}}`})
		s.counts("q", 2, 0, 0, 0)
		s.enqueue("q", "", "", "", "")
		// Those that were delivered before come first.
		again := s.claims("q", `{"node":"w1","max":1000,"lease_ms":60000}`, 1, 2, 3, 4, 5)
		if again[0].Deliveries != 2 || again[2].Deliveries != 1 || again[0].Lease == job.Lease {
			t.Errorf("%+v", again)
		}
		// A stale lease of the same node holds nothing.
		stale, fresh := `"lease_ids":["`+job.Lease+`"]`, `"lease_ids":["`+again[0].Lease+`"]`
		s.walk(
			step{"POST /v0/topics/q/extend", `{"node":"w1","seqs":[1],` + stale + `}`, 200, `{"extended":0,"skipped":[1],"reasons":{"1":"held"}}`},
			step{"POST /v0/topics/q/nack", `{"node":"w1","seqs":[1],` + stale + `}`, 200, `{"nacked":0,"skipped":[1],"reasons":{"1":"held"}}`},
			step{"POST /v0/topics/q/ack", `{"node":"w1","seqs":[1],` + stale + `}`, 200, `{"acked":0,"skipped":[1],"reasons":{"1":"held"}}`},
			step{"POST /v0/topics/q/ack", `{"node":"w1","seqs":[1],"lease_ids":["lease_of_nobody"]}`, 200, `{"acked":0,"skipped":[1]}`},
			step{"POST /v0/topics/q/ack", `{"node":"w2","seqs":[1]}`, 200, `{"acked":0,"skipped":[1],"reasons":{"1":"held"}}`},
			step{"POST /v0/topics/q/ack", `{"node":"w1","seqs":[1],` + fresh + `}`, 200, `{"acked":1,"skipped":[],"reasons":{},"ready":1,"in_flight":4}`},
			step{"POST /v0/topics/q/ack", `{"node":"w1","seqs":[1],` + fresh + `}`, 200, `{"acked":0,"skipped":[1],"reasons":{"1":"gone"}}`},
			// Without lease_ids the node is taken at its word, and seqs are read exactly.
			step{"POST /v0/topics/q/ack", `{"node":"w1","seqs":[999,3,3,18446744073709551615,9007199254740993]}`, 200,
				`{"acked":1,"skipped":[999,18446744073709551615,9007199254740993],"reasons":{"999":"unknown","18446744073709551615":"unknown","9007199254740993":"unknown"}}`},
			step{"GET /v0/topics/q", ``, 200, `{"count":4}`},
		)
		// Extend may shorten, and is clamped.
		s.walk(
			step{"POST /v0/topics/q/extend", `{"node":"w1","seqs":[2],"lease_ms":5}`, 200, fmt.Sprintf(`{"extended":1,"deadlines":{"2":%d}}`, s.clock.Load()+100)},
			step{"POST /v0/topics/q/extend", `{"node":"w1","seqs":[4],"lease_ms":0}`, 200, fmt.Sprintf(`{"extended":1,"deadlines":{"4":%d}}`, s.clock.Load()+1000)},
			step{"POST /v0/topics/q/extend", `{"node":"w1","seqs":[5],"lease_ms":99999999999}`, 200, fmt.Sprintf(`{"extended":1,"deadlines":{"5":%d}}`, s.clock.Load()+86_400_000)},
		)
		s.pass(101)
		s.counts("q", 2, 0, 0, 2)
	})
}

// G14, G16, G21: what a nack gives back, and when.
func TestContractNacks(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", `"retry_backoff_ms":1000,"retry_backoff_max_ms":2000`)
		s.enqueue("q", "", "", "")
		s.claims("q", `{"node":"w","max":3}`, 1, 2, 3)
		s.walk(
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1],"delay_ms":0}`, 200, `{"topic":"q","nacked":1,"skipped":[],"ready":1,"in_flight":2}`},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[2],"unstarted":true,"leaving":true}`, 200, `{"nacked":1,"ready":2}`},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[],"leaving":true}`, 200, `{"nacked":0,"ready":2}`},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[],"leaving":1}`, 400, badField("leaving")},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[3]}`, 200, `{"nacked":1,"ready":2,"in_flight":0}`},
		)
		s.counts("q", 2, 0, 1, 0)
		s.walk(step{"GET /v0/topics/q/jobs?state=ready", ``, 200, ``})
		s.clock.Add(1000)
		s.counts("q", 2, 0, 1, 0)
		s.clock.Add(101) // the back-off, with up to a tenth of jitter
		got := s.claims("q", `{"node":"w","max":3}`, 1, 2, 3)
		if got[0].Deliveries != 2 || got[1].Deliveries != 1 || got[2].Deliveries != 2 {
			t.Errorf("%+v", got)
		}
		s.walk(step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[1],"delay_ms":1000000000000}`, 200, `{"nacked":1}`})
		due := s.clock.Load() + 86_400_000
		a := s.send("GET /v0/topics/q/jobs?state=delayed", "")
		if want := fmt.Sprintf(`"jobs":[{"$seq":1,"state":"delayed","deliveries":2,"due":%d}]`, due); !strings.Contains(string(a.body), want) {
			t.Errorf("%s, want %s in it", a.body, want)
		}
		if a := s.send("POST /v0/topics/q/nack", `{"node":"w","seqs":[2],"reason":"why"}`); !strings.Contains(string(a.body), `"warnings":["reason has no effect without dead"]`) {
			t.Errorf("a reason without dead: %s", a.body)
		}
	})
}

// G4, G15 and case 9: when a job is due, and what is refused.
func TestContractJobFields(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		now := s.clock.Load()
		for _, fields := range []string{
			`"delay_ms":9000000000000000`, `"delay_ms":9223372036854775808`, `"delay_ms":9e15`, `"delay_ms":1.5`, `"delay_ms":"10"`, `"delay_ms":null`,
			`"delay_ms":1,"not_before":1`, fmt.Sprintf(`"not_before":%d`, now+queue.MaxWriteDelayMS+1), `"not_before":null`, `"not_before":"x"`,
			`"group":"` + strings.Repeat("g", 129) + `"`, `"group":1`, `"unique_key":"` + strings.Repeat("k", 257) + `"`, `"priority":1.5`, `"priority":"1"`,
		} {
			name, _, _ := strings.Cut(strings.TrimPrefix(fields, `"`), `"`)
			s.walk(step{"POST /v0/topics/q", `{"records":[{},{` + fields + `}]}`, 400, badField("records[1]." + name)})
		}
		s.walk(step{"GET /v0/topics/q", ``, 200, `{"head_seq":0,"count":0}`})

		s.enqueue("q", `"delay_ms":4294967296`, `"delay_ms":-5`, `"not_before":1`, `"priority":101`, `"priority":-1000`,
			`"group":"g","unique_key":"k","priority":7`, `"group":null,"unique_key":"","priority":null`, fmt.Sprintf(`"not_before":%d`, now+500))
		s.counts("q", 6, 0, 2, 0)
		a := s.send("GET /v0/topics/q/jobs?state=delayed", "")
		if want := fmt.Sprintf(`{"$seq":1,"state":"delayed","deliveries":0,"due":%d},{"$seq":8,"state":"delayed","deliveries":0,"due":%d}`, now+4294967296, now+500); !strings.Contains(string(a.body), want) {
			t.Errorf("%s, want %s in it", a.body, want)
		}
		got := s.claims("q", `{"node":"w","max":9}`, 4, 6, 2, 3, 7, 5)
		if got[0].Priority != 100 || got[5].Priority != -100 || got[1].Group != "g" || got[1].Key != "k" || got[1].Priority != 7 || got[2].Group != "" {
			t.Errorf("%+v", got)
		}
		a = s.send("GET /v0/topics/q/diff?from_seq=5&limit=1", "")
		if !strings.Contains(string(a.body), `"$group":"g","$unique_key":"k","$priority":7,"data":5}`) {
			t.Errorf("read: %s", a.body)
		}
		s.clock.Add(500)
		s.claims("q", `{"node":"w","max":9}`, 8)

		// In a log they are names that nothing knows.
		for _, fields := range []string{`"delay_ms":1`, `"delay_ms":"x"`, `"group":7`, `"unique_key":null`, `"priority":{}`, `"not_before":[]`} {
			name, _, _ := strings.Cut(strings.TrimPrefix(fields, `"`), `"`)
			a := s.send("POST /v0/topics/log", `{"records":[{"data":1},{"data":1,`+fields+`}]}`)
			if want := `"warnings":["records[1]: unknown field \"` + name + `\""]`; a.status > 201 || !strings.Contains(string(a.body), want) {
				t.Errorf("%s in a log: %d %s, want %s in it", fields, a.status, a.body, want)
			}
			s.walk(step{"POST /v0/topics/log?strict=true", `{"records":[{"data":1},{"data":1,` + fields + `}]}`, 400, badField("records[1]." + name)})
		}
		// Of a write that makes the topic, its config decides.
		s.walk(
			step{"POST /v0/topics/made?strict=1", `{"records":[{"data":1,"delay_ms":5}],"config":{"type":"queue"}}`, 201, ``},
			step{"GET /v0/topics/made", ``, 200, `{"type":"queue","queue":{"delayed":1}}`},
			step{"POST /v0/topics/other?strict=1", `{"config":{"type":"log"},"records":[{"data":1,"delay_ms":5}]}`, 400, badField("records[0].delay_ms")},
		)
	})
}
