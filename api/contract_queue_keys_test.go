package api

import (
	"strings"
	"testing"
)

// G13 with section 4: a repeat of a write with an idempotency key is answered as the first one
// was, also if some or all of its records were deduped by their unique keys, and
// whatever became of those jobs since.
func TestContractDedupedRetries(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const (
			part  = `{"records":[{"data":1},{"unique_key":"k","data":2},{"unique_key":"l","data":3},{"unique_key":"l","data":4}],"idempotency_key":"part"}`
			whole = `{"records":[{"unique_key":"l","data":5},{"unique_key":"k","data":6}],"idempotency_key":"whole"}`
		)
		answers := map[string]string{
			part:  `{"first_seq":2,"last_seq":3,"seqs":[2,1,3,3],"deduped_seqs":[1,3],"count":4,"created":false,"deduped":`,
			whole: `{"first_seq":0,"last_seq":0,"seqs":[3,1],"deduped_seqs":[3,1],"count":2,"created":false,"deduped":`,
		}
		s.queue("q", "")
		s.walk(
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}]}`, 200, `{"seqs":[1]}`},
			step{"POST /v0/topics/q", part, 200, answers[part] + `false}`},
			step{"POST /v0/topics/q", whole, 200, answers[whole] + `false}`},
		)
		repeats := func() {
			t.Helper()
			head := s.send("GET /v0/topics/q", "").raw("head_seq")
			for body, want := range answers {
				s.walk(step{"POST /v0/topics/q", body, 200, want + `true}`})
			}
			if got := s.send("GET /v0/topics/q", "").raw("head_seq"); got != head {
				t.Errorf("the head is %s, was %s", got, head)
			}
		}
		repeats()
		s.claims("q", `{"node":"w","max":9}`, 1, 2, 3)
		s.walk(step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[1,2,3]}`, 200, `{"acked":3}`})
		repeats()
		if a := s.send("POST /v0/topics/q?return_seqs=false", `{"records":[{}]}`, "Idempotency-Key", "whole"); a.differs(`{"first_seq":0,"seqs":"(absent)","deduped_seqs":[3,1],"count":2,"deduped":true}`) != "" {
			t.Errorf("%s", a.body)
		}
		// A write that an ack makes remembers it, too.
		s.queue("work", "")
		s.enqueue("work", "")
		s.claims("work", `{"node":"w"}`, 1)
		s.walk(
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}]}`, 200, `{"seqs":[4]}`},
			step{"POST /v0/topics/work/ack", `{"node":"w","seqs":[1],"then":[{"topic":"q","records":[{"unique_key":"k"}],"idempotency_key":"then"}]}`, 200,
				`{"acked":1,"then":[{"topic":"q","first_seq":0,"last_seq":0,"seqs":[4],"deduped_seqs":[4],"head_seq":4,"count":1,"created":false,"deduped":false}]}`},
		)
		s.claims("q", `{"node":"w"}`, 4)
		s.walk(
			step{"POST /v0/topics/q/ack", `{"node":"w","seqs":[4]}`, 200, `{"acked":1}`},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}],"idempotency_key":"then"}`, 200, `{"first_seq":0,"seqs":[4],"deduped_seqs":[4],"deduped":true}`},
		)
		s.clock.Add(120_000)
		repeats()
		s.clock.Add(1)
		s.walk(step{"POST /v0/topics/q", whole, 200, `{"first_seq":5,"last_seq":6,"seqs":[5,6],"deduped_seqs":"(absent)","deduped":false}`})
	})
}

// Section 4: expected_head_seq is judged also where nothing would be appended; a key that
// is known comes before it, and that of a write that is refused is free.
func TestContractExpectedHeadOfDedupedWrites(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const mismatch = `{"error":{"code":"seq_mismatch","detail":{"expected":7,"head_seq":1}}}`
		s.queue("q", "")
		s.walk(
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}]}`, 200, `{"seqs":[1]}`},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}],"expected_head_seq":7}`, 409, mismatch},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}],"expected_head_seq":7,"idempotency_key":"i"}`, 409, mismatch},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}],"expected_head_seq":1,"idempotency_key":"i"}`, 200, `{"seqs":[1],"deduped_seqs":[1],"deduped":false}`},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}],"expected_head_seq":7,"idempotency_key":"i"}`, 200, `{"seqs":[1],"deduped_seqs":[1],"deduped":true}`},
			step{"POST /v0/topics/q", `{"records":[{"unique_key":"k"}],"expected_head_seq":1}`, 200, `{"seqs":[1],"deduped_seqs":[1]}`},
		)
	})
}

// The same over a WebSocket.
func TestContractDedupedRetriesOfSockets(t *testing.T) {
	real := serveReal(t, nil, nil)
	real.put(t, "q", `{"type":"queue"}`)
	c := real.dial(t)
	publish := func(records, key, want string) {
		t.Helper()
		c.say(`{"op":"publish","topic":"q","records":[%s],"idempotency_key":%q}`, records, key)
		if m := c.want("ack"); !strings.Contains(m.raw, want) {
			t.Errorf("%s, want %s", m.raw, want)
		}
	}
	publish(`{"unique_key":"k"}`, "", `"seqs":[1]`)
	for _, deduped := range []string{"false", "true"} {
		publish(`{"data":1},{"unique_key":"k"}`, "part", `"first_seq":2,"last_seq":2,"seqs":[2,1],"deduped_seqs":[1],"head_seq":2,"count":2,"created":false,"deduped":`+deduped)
		publish(`{"unique_key":"k"}`, "whole", `"first_seq":0,"last_seq":0,"seqs":[1],"deduped_seqs":[1],"head_seq":2,"count":1,"created":false,"deduped":`+deduped)
		c.say(`{"op":"claim","topic":"q","node":"w","max":1}`)
		c.want("claimed")
		c.say(`{"op":"ack","topic":"q","node":"w","seqs":[1]}`)
		c.want("acked")
	}
	c.say(`{"op":"publish","topic":"q","records":[{"unique_key":"k"},{"unique_key":"k"}],"expected_head_seq":7}`)
	if m := c.want("error"); !strings.Contains(m.raw, "seq_mismatch") {
		t.Errorf("%s", m.raw)
	}
}
