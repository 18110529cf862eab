package api

import (
	"fmt"
	"testing"
)

// G15: what a stream asks for is clamped like a claim's.
func TestContractWorkClamps(t *testing.T) {
	overBoth(t, func(o *Options) { o.Limits.MaxClaim = 3 }, func(t *testing.T, s *contractServer) {
		s.queue("q", `"lease_ms":1000`)
		now := s.clock.Load()
		for query, want := range map[string]struct{ lease, jobs int }{
			"": {1000, 1}, "&lease_ms=0&max=0": {1000, 1}, "&lease_ms=5&max=-1": {100, 1}, "&lease_ms=-1": {100, 1}, "&lease_ms=99999999999&max=2": {86_400_000, 2}, "&max=1000": {1000, 3},
		} {
			s.enqueue("q", "", "", "", "")
			head := s.queueOf("q").Ready
			c := s.work("node=w" + query)
			for range want.jobs {
				ev := c.want("job", fmt.Sprintf(`"deadline":%d,`, now+int64(want.lease)))
				if ev.id == "" {
					t.Errorf("work%s: %+v", query, ev)
				}
			}
			waitFor(t, func() bool {
				q := s.queueOf("q")
				return q.InFlight == int64(want.jobs) && q.Ready == head-int64(want.jobs)
			})
			c.hangUp()
			waitFor(t, func() bool { return s.queueOf("q").InFlight == 0 })
			s.walk(step{"POST /v0/topics/q/delete", `{"before_seq":1000}`, 200, ``})
		}
	})
}

// G17: what lost tells is the topic, the seq, the lease and the reason.
func TestContractLost(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", "")
		c := s.work("node=w&lease_ms=1000")
		lost := func(j claimedJob, reason string) {
			t.Helper()
			ev := c.want("lost", "")
			if want := fmt.Sprintf(`{"topic":"q","$seq":%d,"lease_id":%q,"reason":%q}`, j.Seq, j.Lease, reason); ev.data != want {
				t.Errorf("%s, want %s", ev.data, want)
			}
		}
		j := c.job(1)
		if a := s.send("POST /v0/topics/q/release", `{"seqs":[1]}`, "X-Confirm", "true"); a.status != 200 {
			t.Fatalf("%s", a.body)
		}
		lost(j, "released")
		again := c.job(1)
		if again.Lease == j.Lease || again.Deliveries != 1 {
			t.Errorf("%+v after %+v", again, j)
		}
		s.walk(step{"POST /v0/topics/q/delete", `{"before_seq":2}`, 200, ``})
		lost(again, "gone")
		s.enqueue("q", "")
		j = c.job(2)
		s.pass(1000)
		s.walk(step{"POST /v0/topics/q/extend", `{"node":"w","seqs":[2],"lease_ms":1000}`, 200, `{"extended":1}`}) // in the last moment
		s.pass(1001)
		lost(j, "expired")
	})
}

// G17: after an expiry an ack, a nack and an extend of one are each a sign of life, also
// if they come too late; those of another node are none.
func TestContractSignsOfLife(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", "")
		c := s.work("node=w&lease_ms=1000")
		for n, call := range []string{"ack", "nack", "extend"} {
			if j := c.job(1); j.Deliveries != n+1 {
				t.Fatalf("%+v", j)
			}
			s.pass(1001)
			c.want("lost", `"reason":"expired"`)
			s.walk(step{"POST /v0/topics/q/" + call, `{"node":"other","seqs":[1]}`, 200, `{"skipped":[1]}`})
			s.pass(5)
			s.counts("q", 1, 0, 0, 0)
			s.walk(step{"POST /v0/topics/q/" + call, `{"node":"w","seqs":[1]}`, 200, `{"skipped":[1]}`})
		}
		c.job(1)
	})
}

// Case 33: what a client says it has seen is no cursor of jobs; a job that a stream took
// is given back at its end, also one that was extended by another call.
func TestContractQueueCase33Reconnect(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.queue("q", "")
		s.enqueue("q", make([]string, 7)...)
		s.claims("q", `{"node":"w","max":7}`, 1, 2, 3, 4, 5, 6, 7)
		s.walk(
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1,2,4,5,6]}`, 200, `{"acked":5}`},
			step{"POST /v0/topics/q/nack", `{"node":"w","seqs":[3,7]}`, 200, `{"nacked":2}`},
		)
		c := s.work("node=w&max=5", "Last-Event-ID", "50")
		c.job(3)
		c.job(7)
		held := s.work("node=w") // of the same node, and takes nothing
		s.walk(step{"POST /v0/topics/q/extend", `{"node":"w","seqs":[3,7],"lease_ms":3600000}`, 200, `{"extended":2}`})
		c.hangUp()
		if j := held.job(3); j.Deliveries != 3 {
			t.Errorf("%+v", j)
		}
		waitFor(t, func() bool { q := s.queueOf("q"); return q.Ready == 1 && q.InFlight == 1 })
		if got := s.claims("q", `{"node":"v","max":9}`, 7); got[0].Deliveries != 3 {
			t.Errorf("%+v", got)
		}
		s.walk(step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[7]}`, 200, `{"acked":0,"reasons":{"7":"held"}}`})
	})
}
