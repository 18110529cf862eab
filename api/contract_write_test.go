package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/api/wire"
)

// Section 4, the answer, creating, and the fields of a write.
func TestContractWrite(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(
			step{"POST /v0/topics/t", `{"records":[{"data":{},"tag":"order-7731","node":"shop-1","meta":{"trace":"x"}},{}],"node":"shop-2"}`, 201,
				`{"topic":"t","first_seq":1,"last_seq":2,"seqs":[1,2],"head_seq":2,"count":2,"created":true,"deduped":false}`},
			step{"POST /v0/topics/t", `{"records":[{}]}`, 200, `{"topic":"t","first_seq":3,"last_seq":3,"seqs":[3],"head_seq":3,"count":1,"created":false,"deduped":false}`},
			step{"POST /v0/topics/t?return_seqs=false", `{"records":[{},{}]}`, 200, `{"first_seq":4,"last_seq":5,"seqs":"(absent)","count":2}`},
			step{"POST /v0/topics/t?return_seqs=0", `{"records":[{}]}`, 200, `{"seqs":"(absent)"}`},
			step{"POST /v0/topics/t?return_seqs=true", `{"records":[{}]}`, 200, `{"seqs":[7]}`},
			// 1 record at least.
			step{"POST /v0/topics/t", ``, 400, refusal("invalid_request")}, step{"POST /v0/topics/t", `{}`, 400, badField("records")},
			step{"POST /v0/topics/t", `{"records":[]}`, 400, badField("records")}, step{"POST /v0/topics/t", `{"records":null}`, 400, badField("records")},
			// The body's node is the default for its records.
			step{"GET /v0/topics/t/diff?limit=2&node=shop-2", ``, 200, `{"next_from_seq":3}`},
			// config applies only when the write makes the topic.
			step{"POST /v0/topics/t", `{"records":[{}],"config":{"ttl_ms":9,"type":"queue"}}`, 200, ``},
			step{"GET /v0/topics/t", ``, 200, `{"type":"log","config":{"ttl_ms":0}}`},
			step{"POST /v0/topics/c", `{"records":[{}],"config":{"cap_records":9,"priority":5000}}`, 201, ``},
			step{"GET /v0/topics/c", ``, 200, `{"config":{"cap_records":9,"priority":1000}}`},
			// create and auto_create.
			step{"POST /v0/topics/n", `{"records":[{}],"create":false}`, 404, refusal("topic_not_found")},
			step{"POST /v0/topics/n", `{"records":[{}],"config":{"auto_create":false}}`, 404, refusal("topic_not_found")},
			step{"GET /v0/topics/n", ``, 404, ``},
			step{"POST /v0/topics/n", `{"records":[{}],"config":{"auto_create":false},"create":true}`, 201, ``},
			step{"POST /v0/topics/n", `{"records":[{}],"create":false}`, 200, ``},
			// expected_head_seq.
			step{"POST /v0/topics/h", `{"records":[{}],"expected_head_seq":1}`, 409, `{"error":{"code":"seq_mismatch","detail":{"expected":1,"head_seq":0}}}`},
			step{"GET /v0/topics/h", ``, 404, ``},
			step{"POST /v0/topics/h", `{"records":[{},{}],"expected_head_seq":0}`, 201, ``},
			step{"POST /v0/topics/h", `{"records":[{}],"expected_head_seq":18446744073709551615}`, 409, `{"error":{"detail":{"expected":18446744073709551615,"head_seq":2}}}`},
			step{"POST /v0/topics/h", `{"records":[{}],"expected_head_seq":2}`, 200, `{"first_seq":3}`},
			step{"POST /v0/topics/h/delete", `{"before_seq":9}`, 200, ``}, // the head stays
			step{"POST /v0/topics/h", `{"records":[{}],"expected_head_seq":3,"disable_backpressure":true}`, 200, `{"first_seq":4}`},
			// $ts: one for a write, and never less than before.
			step{"POST /v0/topics/ts", `{"records":[{},{}]}`, 201, ``},
		)
		for _, by := range []int64{-5000, 4999, 2} {
			s.clock.Add(by)
			s.walk(step{"POST /v0/topics/ts", `{"records":[{},{}]}`, 200, ``})
		}
		var stamps []string
		for _, part := range strings.Split(string(s.send("GET /v0/topics/ts/diff", "").body), `"$ts":`)[1:] {
			stamp, _, _ := strings.Cut(part, ",")
			stamps = append(stamps, stamp[9:])
		}
		if got := strings.Join(stamps, " "); got != "0000 0000 0000 0000 0000 0000 0001 0001" {
			t.Errorf("$ts %s", got)
		}
	})
}

// Section 4, the idempotency key: in the body or the header, inside its window,
// for as long as the topic lives, and when two race.
func TestContractIdempotency(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const first = `{"first_seq":2,"last_seq":3,"seqs":[2,3],"count":2,"created":false,"deduped":true}`
		s.walk(step{"POST /v0/topics/t", `{"records":[{}]}`, 201, ``},
			step{"POST /v0/topics/t", `{"records":[{},{}],"idempotency_key":"k"}`, 200, `{"first_seq":2,"deduped":false}`},
			step{"POST /v0/topics/t", `{"records":[{}]}`, 200, ``},
			step{"POST /v0/topics/t", `{"records":[{},{}],"idempotency_key":"k"}`, 200, first},
			step{"POST /v0/topics/t", `{"records":[{"data":"other"}],"idempotency_key":"k"}`, 200, first},
			step{"POST /v0/topics/t", `{"records":[{}],"idempotency_key":"k","expected_head_seq":9}`, 200, first},
			step{"POST /v0/topics/t?return_seqs=false", `{"records":[{}],"idempotency_key":"k"}`, 200, `{"seqs":"(absent)","deduped":true}`},
			step{"GET /v0/topics/t", ``, 200, `{"head_seq":4}`})
		for _, tc := range []struct {
			body, header string
			deduped      bool
		}{
			{`{"records":[{}]}`, "k", true}, {`{"records":[{}],"idempotency_key":""}`, "k", true}, {`{"records":[{}],"idempotency_key":null}`, "k", true},
			{`{"records":[{}],"idempotency_key":"k"}`, "other", true}, {`{"records":[{}],"idempotency_key":"K"}`, "k", false}, {`{"records":[{}]}`, "h", false},
			{`{"records":[{}],"idempotency_key":"h"}`, "", true}, {`{"records":[{}],"idempotency_key":"` + strings.Repeat("k", 256) + `"}`, "k", false},
			{`{"records":[{}]}`, strings.Repeat("k", 256), true}, {`{"records":[{}],"idempotency_key":"\u006b"}`, "", true},
		} {
			a := s.send("POST /v0/topics/t", tc.body, "Idempotency-Key", tc.header)
			if d := a.differs(fmt.Sprintf(`{"deduped":%t}`, tc.deduped)); a.status != 200 || d != "" {
				t.Errorf("%s with %q: %d %s", tc.body, tc.header, a.status, a.body)
			}
		}
		long := strings.Repeat("k", 257)
		for _, body := range []string{`{"records":[{}]}`, `{"records":[{}],"idempotency_key":"k"}`} {
			if a := s.send("POST /v0/topics/t", body, "Idempotency-Key", long); a.status != 400 || a.differs(badField("Idempotency-Key")) != "" {
				t.Errorf("%s: %d %s", body, a.status, a.body)
			}
		}
		s.walk(step{"POST /v0/topics/t", `{"records":[{}],"idempotency_key":"` + long + `"}`, 400, badField("idempotency_key")})
		// The window.
		s.clock.Add(120_000)
		s.walk(step{"POST /v0/topics/t", `{"records":[{}],"idempotency_key":"k"}`, 200, first})
		s.clock.Add(1)
		s.walk(step{"POST /v0/topics/t", `{"records":[{}],"idempotency_key":"k"}`, 200, `{"deduped":false}`},
			// A write that is refused leaves its key free.
			step{"POST /v0/topics/t", `{"records":[{}],"idempotency_key":"r","expected_head_seq":0}`, 409, ``},
			step{"POST /v0/topics/t", `{"records":[{}],"idempotency_key":"r"}`, 200, `{"deduped":false}`})
		// A race, for the topic's creation, too.
		for round := range 20 {
			var wg sync.WaitGroup
			var answers [6]*answer
			for i := range answers {
				wg.Go(func() {
					answers[i] = s.send(fmt.Sprintf("POST /v0/topics/race%d", round), `{"records":[{},{}],"idempotency_key":"k","config":{"durability":"fsync"}}`)
				})
			}
			wg.Wait()
			fresh := 0
			for _, a := range answers {
				if a.differs(`{"deduped":false,"seqs":[1,2]}`) == "" {
					fresh++
				} else if d := a.differs(`{"deduped":true,"seqs":[1,2],"created":false}`); d != "" {
					t.Errorf("%s in %s", d, a.body)
				}
			}
			if fresh != 1 {
				t.Errorf("appended %d times", fresh)
			}
		}
	})
}

// Section 4, the limits as they are without configuration, each on both of its
// sides.
func TestContractWriteLimits(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	keys := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"k%d":1`, i))
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	many := func(n int) string { return `{"records":[` + strings.TrimSuffix(strings.Repeat(`{},`, n), ",") + `]}` }
	record := func(fields string) string { return `{"records":[{` + fields + `}]}` }
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/t", ``, 201, ``},
			step{"POST /v0/topics/t", many(10_000), 200, `{"count":10000}`}, step{"POST /v0/topics/t", many(10_001), 400, `{"error":{"code":"batch_too_large","detail":{"max":10000}}}`},
			step{"POST /v0/topics/t", record(`"data":"` + x(1<<20-2) + `"`), 200, ``},
			step{"POST /v0/topics/t", record(`"data":"` + x(1<<20-1) + `"`), 400, `{"error":{"code":"record_too_large","detail":{"max":1048576,"bytes":1048577}}}`},
			step{"POST /v0/topics/t", record(`"data":"` + x(1<<20-9) + `","meta":{"a":1}`), 200, ``},
			step{"POST /v0/topics/t", record(`"data":"` + x(1<<20-8) + `","meta":{"a":1}`), 400, refusal("record_too_large")},
			step{"POST /v0/topics/t", record(`"meta":{"a":"` + x(16<<10-8) + `"}`), 200, ``},
			step{"POST /v0/topics/t", record(`"meta":{"a":"` + x(16<<10-7) + `"}`), 400, badField("records[0].meta")},
			step{"POST /v0/topics/t", record(`"meta":` + keys(64)), 200, ``}, step{"POST /v0/topics/t", record(`"meta":` + keys(65)), 400, badField("records[0].meta")},
			step{"POST /v0/topics/t", record(`"tag":"` + x(256) + `"`), 200, ``}, step{"POST /v0/topics/t", record(`"tag":"` + x(257) + `"`), 400, badField("records[0].tag")},
			step{"POST /v0/topics/t", record(`"tag":"` + strings.Repeat("é", 128) + `"`), 200, ``}, step{"POST /v0/topics/t", record(`"tag":"x` + strings.Repeat(`\u00e9`, 128) + `"`), 400, ``},
			step{"POST /v0/topics/t", record(`"node":"` + x(128) + `"`), 200, ``}, step{"POST /v0/topics/t", record(`"node":"` + x(129) + `"`), 400, badField("records[0].node")},
			step{"POST /v0/topics/t", `{"node":"` + x(128) + `","records":[{}]}`, 200, ``}, step{"POST /v0/topics/t", `{"node":"` + x(129) + `","records":[{}]}`, 400, badField("node")},
		)
		if l := wire.DefaultLimits(); l.MaxBodyBytes != 64<<20 {
			t.Errorf("a body of %d bytes", l.MaxBodyBytes)
		}
	})
}

// Section 4, discard.
func TestContractDiscard(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for _, tc := range []struct{ cap, detail string }{{`"cap_records":2`, `"cap_records":2,"cap_bytes":0`}, {`"cap_bytes":8`, `"cap_records":0,"cap_bytes":8`}} {
			s.walk(
				step{"POST /v0/topics/old", `{"records":[{},{}],"config":{` + tc.cap + `}}`, 201, ``},
				step{"POST /v0/topics/old", `{"records":[{}]}`, 200, `{"first_seq":3}`},
				step{"GET /v0/topics/old", ``, 200, `{"earliest_seq":2,"count":2,"head_seq":3}`},
				step{"POST /v0/topics/old", `{"records":[{},{},{}]}`, 400, refusal("record_too_large")},
				step{"POST /v0/topics/rej", `{"records":[{}],"config":{"discard":"reject",` + tc.cap + `}}`, 201, ``},
				step{"POST /v0/topics/rej", `{"records":[{},{}]}`, 422, `{"error":{"code":"topic_full","detail":{` + tc.detail + `,"head_seq":1,"earliest_seq":1}}}`},
				step{"POST /v0/topics/rej", `{"records":[{}]}`, 200, `{"first_seq":2}`}, // nothing was appended
				step{"POST /v0/topics/rej", `{"records":[{},{},{}]}`, 400, refusal("record_too_large")},
				step{"POST /v0/topics/rej/delete", `{"before_seq":2}`, 200, ``},
				step{"POST /v0/topics/rej", `{"records":[{}]}`, 200, `{"first_seq":3}`},
				step{"POST /v0/topics/rej", `{"records":[{}]}`, 422, `{"error":{"detail":{"head_seq":3,"earliest_seq":2}}}`},
				step{"DELETE /v0/topics/old", ``, 200, ``}, step{"DELETE /v0/topics/rej", ``, 200, ``},
			)
		}
	})
}
