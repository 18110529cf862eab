package api

import (
	"fmt"
	"strconv"
	"testing"
)

// Section 6: what a read is told of what it missed, with every reason that a
// client can bring about.
func TestContractTombstones(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		read := func(topic string, from int, want string) {
			t.Helper()
			s.diff(topic, fmt.Sprintf("from_seq=%d", from), want)
		}
		// cap.
		s.walk(step{"POST /v0/topics/t", `{"records":[{},{},{}],"config":{"cap_records":3}}`, 201, ``}, step{"POST /v0/topics/t", `{"records":[{},{}]}`, 200, ``})
		read("t", 0, `{"tombstone":{"gap_from":1,"gap_to":2,"reason":"cap","missed_estimate":2,"missed_at_least":2,"earliest_seq":3,"head_seq":5},"next_from_seq":5,"earliest_seq":3,
			"records":[{"$seq":3,"$ts":1700000000000,"data":null},{"$seq":4,"$ts":1700000000000,"data":null},{"$seq":5,"$ts":1700000000000,"data":null}]}`)
		read("t", 1, `{"tombstone":{"gap_from":2,"gap_to":2,"missed_estimate":1}}`)
		read("t", 2, `{"tombstone":null,"next_from_seq":5}`) // from_seq+1 is the floor
		read("t", 5, `{"tombstone":null}`)
		// A filter hides records, never a loss.
		s.diff("t", "match=zz", `{"tombstone":{"reason":"cap"},"records":[],"next_from_seq":5}`)
		// mixed, and ttl above what the cap took.
		s.clock.Add(10)
		s.walk(step{"POST /v0/topics/t", `{"records":[{}]}`, 200, ``}, step{"PUT /v0/topics/t", `{"ttl_ms":9}`, 200, ``})
		read("t", 0, `{"tombstone":{"gap_from":1,"gap_to":5,"reason":"mixed","missed_estimate":5,"missed_at_least":5,"earliest_seq":6,"head_seq":6}}`)
		read("t", 3, `{"tombstone":{"gap_from":4,"gap_to":5,"reason":"ttl","missed_estimate":2}}`)
		// At the ttl a record is there, past it it is not, nor counted.
		s.walk(step{"POST /v0/topics/e", `{"records":[{},{}],"config":{"ttl_ms":100}}`, 201, ``})
		s.clock.Add(100)
		read("e", 0, `{"tombstone":null,"next_from_seq":2,"earliest_seq":1}`)
		s.clock.Add(1)
		s.walk(step{"GET /v0/topics/e", ``, 200, `{"count":0,"bytes":0,"earliest_seq":3,"head_seq":2}`})
		read("e", 0, `{"tombstone":{"gap_from":1,"gap_to":2,"reason":"ttl","missed_estimate":2,"earliest_seq":3,"head_seq":2},"records":[],"next_from_seq":2,"caught_up":true}`)
		read("e", 2, `{"tombstone":null}`)
		// recreated.
		read("e", 3, `{"tombstone":{"gap_from":1,"gap_to":2,"reason":"recreated","head_seq":2},"records":[],"next_from_seq":2,"caught_up":true,"lag":0}`)
		s.diff("e", "from_seq=18446744073709551615", `{"tombstone":{"gap_from":1,"gap_to":2,"reason":"recreated"},"next_from_seq":2}`)
		// Deletes and node filtering are voluntary.
		s.walk(step{"POST /v0/topics/d", `{"records":[{"tag":"x"},{"node":"n"},{},{}]}`, 201, ``}, step{"POST /v0/topics/d/delete", `{"before_seq":2}`, 200, `{"earliest_seq":2}`},
			step{"POST /v0/topics/d/delete", `{"before_seq":4}`, 200, `{"earliest_seq":4}`})
		read("d", 0, `{"tombstone":null,"earliest_seq":4,"next_from_seq":4}`)
		// A loss behind a delete takes in what was deleted before it.
		s.walk(step{"POST /v0/topics/d", `{"records":[{}]}`, 200, ``}, step{"PUT /v0/topics/d", `{"cap_records":1}`, 200, ``})
		read("d", 0, `{"tombstone":{"gap_from":1,"gap_to":4,"reason":"cap","earliest_seq":5}}`)
		// The floors never go back: a wider cap brings nothing back.
		s.walk(step{"PUT /v0/topics/d", ``, 200, ``})
		read("d", 0, `{"tombstone":{"gap_to":4},"earliest_seq":5}`)
	})
}

// Section 6, lost ranges are in the middle of a log: a batch stops before one,
// and the next read starts with its tombstone. Here it is a router's source that
// loses records.
func TestContractSourceTrim(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/dest", `{"cap_records":2,"discard":"reject"}`, 201, ``}, step{"PUT /v0/topics/src", `{"cap_records":2}`, 201, ``},
			step{"PUT /v0/routers/r", `{"source":"src","dest":"dest"}`, 201, ``},
			step{"POST /v0/topics/src", `{"records":[{"data":1},{"data":2}]}`, 200, ``}, step{"GET /v0/topics/dest/diff", ``, 200, `{"next_from_seq":2}`})
		for i := 3; i <= 7; i++ { // the router waits meanwhile, and its source loses 3, 4 and 5
			s.walk(step{"POST /v0/topics/src", fmt.Sprintf(`{"records":[{"data":%d}]}`, i), 200, ``})
			waitFor(t, func() bool {
				return s.send("GET /v0/routers/r", "").differs(`{"forwarded_total":2,"blocked":"(any)"}`) == ""
			})
		}
		s.walk(step{"PUT /v0/topics/dest", ``, 200, ``})
		waitFor(t, func() bool { return s.send("GET /v0/topics/dest", "").differs(`{"head_seq":7}`) == "" })
		// A router that was looking just before the source lost them may have 3 and
		// 4 in its hands and put them there now.
		first, err := strconv.Atoi(s.send("GET /v0/topics/dest/diff", "").raw("next_from_seq"))
		if err != nil || first < 2 || first > 4 {
			t.Fatalf("the first read goes to %d, %v", first, err)
		}
		s.diff("dest", "", fmt.Sprintf(`{"tombstone":null,"next_from_seq":%d,"caught_up":false,"lag":%d}`, first, 7-first))
		for from := first; from <= 4; from++ {
			s.diff("dest", fmt.Sprintf("from_seq=%d", from), fmt.Sprintf(`{"tombstone":{"gap_from":%d,"gap_to":5,"reason":"source_trim","missed_estimate":%d,"head_seq":7},
				"records":[{"$seq":6,"$ts":1700000000000,"data":6},{"$seq":7,"$ts":1700000000000,"data":7}],"caught_up":true}`, from+1, 5-from))
		}
		s.diff("dest", "from_seq=5", `{"tombstone":null,"next_from_seq":7}`)
	})
}

// Section 6, the same where the source's records expire before they are
// forwarded.
func TestContractExpiredSource(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/src", `{"ttl_ms":100}`, 201, ``}, step{"PUT /v0/topics/dest", `{"cap_records":1,"discard":"reject"}`, 201, ``},
			step{"PUT /v0/routers/r", `{"source":"src","dest":"dest"}`, 201, ``},
			step{"POST /v0/topics/src", `{"records":[{"data":1},{"data":2},{"data":3},{"data":4}]}`, 200, ``})
		waitFor(t, func() bool {
			return s.send("GET /v0/routers/r", "").differs(`{"forwarded_total":1,"blocked":"(any)"}`) == ""
		})
		s.clock.Add(101)
		s.walk(step{"POST /v0/topics/src", `{"records":[{"data":5}]}`, 200, ``}, step{"GET /v0/topics/src", ``, 200, `{"count":1}`}, step{"PUT /v0/topics/dest", ``, 200, ``})
		waitFor(t, func() bool { return s.send("GET /v0/topics/dest", "").differs(`{"head_seq":5}`) == "" })
		s.diff("dest", "", `{"tombstone":null,"records":[{"$seq":1,"$ts":1700000000000,"data":1}],"next_from_seq":1}`)
		s.diff("dest", "from_seq=1", `{"tombstone":{"gap_from":2,"gap_to":4,"reason":"source_trim","missed_estimate":3,"missed_at_least":0},"records":[{"$seq":5,"$ts":1700000000101,"data":5}]}`)
		s.walk(step{"GET /v0/routers/r", ``, 200, `{"forwarded_total":2,"lag":0}`})
	})
}

// Section 7.
func TestContractDeleteRecords(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const records = `{"records":[{"tag":"order-7731"},{"tag":"user-9:a"},{},{"tag":"user-9:b"},{"tag":"user-9"},{"tag":"order-7731"},{"tag":"*"}]}`
		for body, want := range map[string]string{
			`{"before_seq":0}`: `{"deleted":0,"earliest_seq":1,"head_seq":7,"count":7,"bytes":28}`, `{"before_seq":1}`: `{"deleted":0}`,
			`{"before_seq":3}`:                                   `{"topic":"t","deleted":2,"earliest_seq":3,"head_seq":7,"count":5,"bytes":20}`,
			`{"before_seq":8}`:                                   `{"deleted":7,"earliest_seq":8,"head_seq":7,"count":0,"bytes":0}`,
			`{"before_seq":18446744073709551615}`:                `{"deleted":7,"earliest_seq":8,"head_seq":7,"count":0}`,
			`{"match":["tag","Eq","order-7731"]}`:                `{"deleted":2,"earliest_seq":2,"count":5}`,
			`{"match":"order-7731"}`:                             `{"deleted":2}`,
			`{"match":["tag","Glob","user-9:*"]}`:                `{"deleted":2,"earliest_seq":1,"count":5}`,
			`{"match":"user-9:*"}`:                               `{"deleted":2}`,
			`{"match":"user-9*"}`:                                `{"deleted":3}`,
			`{"match":"*"}`:                                      `{"deleted":6,"earliest_seq":3,"count":1}`, // untagged records never match
			`{"match":["tag","Eq","*"]}`:                         `{"deleted":1}`,
			`{"match":["tag","Eq",""]}`:                          `{"deleted":0}`,
			`{"match":"nothing"}`:                                `{"deleted":0,"count":7}`,
			`{"match":["tag","Glob","user-9:*"],"before_seq":4}`: `{"deleted":1,"count":6}`, // both: AND
			`{"match":"order-7731","before_seq":6}`:              `{"deleted":1,"earliest_seq":2}`,
			`{"match":null,"before_seq":2}`:                      `{"deleted":1}`,
		} {
			s.walk(step{"POST /v0/topics/t", records, 201, ``}, step{"POST /v0/topics/t/delete", body, 200, want},
				step{"POST /v0/topics/t/delete", body, 200, `{"deleted":0}`},                                  // it is permanent
				step{"POST /v0/topics/t/diff", `{"limit":1000}`, 200, `{"tombstone":null,"next_from_seq":7}`}, // and silent
				step{"POST /v0/topics/t", `{"records":[{"tag":"order-7731"},{"tag":"user-9:c"}]}`, 200, `{"first_seq":8}`},
				step{"GET /v0/topics/t/diff?from_seq=7", ``, 200, `{"records":[{"$seq":8,"$ts":1700000000000,"data":null},{"$seq":9,"$ts":1700000000000,"data":null}]}`}, // what came later stays
				step{"DELETE /v0/topics/t", ``, 200, ``})
		}
		s.walk(step{"POST /v0/topics/t", records, 201, ``})
		for _, body := range []string{
			``, `{}`, `{"before_seq":null}`, `{"match":null}`, `{"unknown":1}`, `{"before_seq":-1}`, `{"match":"a*b"}`, `{"match":"*a"}`, `{"match":"a**"}`,
			`{"match":["tag","Glob","a"]}`, `{"match":["tag","Glob","a*b*"]}`, `{"match":["tag","glob","a*"]}`, `{"match":["$tag","Eq","a"]}`, `{"match":["tag","Eq"]}`,
			`{"match":[]}`, `{"match":["tag","Eq","a","b"]}`, `{"match":{"tag":"a"}}`,
		} {
			s.walk(step{"POST /v0/topics/t/delete", body, 400, refusal("invalid_request")})
		}
		s.walk(step{"GET /v0/topics/t", ``, 200, `{"count":7}`}, step{"POST /v0/topics/none/delete", `{"match":"x"}`, 404, refusal("topic_not_found")}, step{"GET /v0/topics/none", ``, 404, ``})
	})
}
