package api

import (
	"fmt"
	"strings"
	"testing"
)

// Section 7 of ops.md: looking changes nothing of what is looked at.
func TestContractLooking(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		unread := `{"last_read_ts":null,"effective_priority":0}`
		s.walk(
			step{"POST /v0/topics/t", `{"records":[{"data":1},{"data":2}]}`, 201, ``},
			step{"POST /v0/topics/t/diff", `{"touch":false}`, 200, `{"next_from_seq":2}`},
			step{"GET /v0/topics/t/diff?touch=false", ``, 200, `{"next_from_seq":2}`}, step{"GET /v0/topics/t/diff?touch=0&wait_ms=1&from_seq=2", ``, 200, ``},
			step{"GET /v0/topics/t?touch=false", ``, 200, unread},
			step{"POST /v0/topics/t/diff", `{"touch":1}`, 400, badField("touch")}, step{"GET /v0/topics/t/diff?touch=no", ``, 400, badField("touch")},
			step{"POST /v0/watch", `{"topics":{"t":{}},"touch":"no"}`, 400, badField("touch")},
		)
		follow := func(touch string) {
			frames := s.stream(`{"topics":{"t":{"from_seq":0}},"touch":` + touch + `}`)
			defer frames.hangUp()
			frames.want("record", `"to_seq":2`)
			frames.want("caught-up", "")
		}
		follow("false")
		s.walk(step{"GET /v0/topics/t?touch=false", ``, 200, unread}, step{"GET /v0/topics?contains=t", ``, 200, ``})
		if a := s.send("GET /v0/topics", ""); !strings.Contains(string(a.body), `"read_rate":0,`) {
			t.Errorf("%s", a.body)
		}
		follow("true")
		s.walk(step{"GET /v0/topics/t?touch=false", ``, 200, `{"last_read_ts":1700000000000,"effective_priority":500}`})
		if a := s.send("GET /v0/topics", ""); !strings.Contains(string(a.body), `"read_rate":0.03333333333333333,`) {
			t.Errorf("%s", a.body)
		}
	})
}

// Section 7 of ops.md: data is cut, and its size is beside it.
func TestContractPreview(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(
			step{"POST /v0/topics/t", `{"records":[{"data":"12345678"},{"data":12},{"data":"äöü€"},{"data":{"a":"\"\\"}}]}`, 201, ``},
			step{"POST /v0/topics/t/diff", `{"preview_bytes":4}`, 200, `{"records":[
				{"$seq":1,"$ts":1700000000000,"data_preview":"\"123","data_bytes":10},{"$seq":2,"$ts":1700000000000,"data":12},
				{"$seq":3,"$ts":1700000000000,"data_preview":"\"ä","data_bytes":11},{"$seq":4,"$ts":1700000000000,"data_preview":"{\"a\"","data_bytes":12}]}`},
			step{"GET /v0/topics/t/diff?preview_bytes=10&limit=1", ``, 200, `{"records":[{"$seq":1,"$ts":1700000000000,"data":"12345678"}]}`},
			step{"GET /v0/topics/t/diff?preview_bytes=0&limit=1", ``, 200, `{"records":[{"$seq":1,"$ts":1700000000000,"data":"12345678"}]}`},
			step{"GET /v0/topics/t/diff?preview_bytes=9223372036854775807&limit=1", ``, 200, ``},
			step{"GET /v0/topics/t/diff?preview_bytes=-1", ``, 400, badField("preview_bytes")}, step{"POST /v0/topics/t/diff", `{"preview_bytes":-1}`, 400, badField("preview_bytes")},
			step{"POST /v0/watch", `{"topics":{"t":{}},"preview_bytes":"1"}`, 400, badField("preview_bytes")},
			// What is longer than the most that is shown is cut there.
			step{"POST /v0/topics/large", `{"records":[{"data":"` + strings.Repeat("x", 70_000) + `"}]}`, 201, ``},
			step{"GET /v0/topics/large/diff?preview_bytes=1000000", ``, 200, `{"records":[{"$seq":1,"$ts":1700000000000,"data_bytes":70002,"data_preview":"\"` + strings.Repeat("x", 65_535) + `"}]}`},
		)
		frames := s.stream(`{"topics":{"t":{}},"preview_bytes":4}`)
		defer frames.hangUp()
		frames.want("record", `{"$seq":1,"$ts":1700000000000,"data_preview":"\"123","data_bytes":10},{"$seq":2,"$ts":1700000000000,"data":12}`)
	})
}

// Section 7 of ops.md: from_ts is the first seq at or after a time.
func TestContractFromTime(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for range 5 {
			s.walk(step{"POST /v0/topics/t", `{"records":[{"data":1},{"data":2}]}`, s.made("/v0/topics/t"), ``})
			s.clock.Add(10)
		}
		for after, want := range map[int]uint64{-1000: 0, 0: 0, 1: 2, 10: 2, 11: 4, 40: 8, 41: 10, 1_000_000: 10} {
			at := 1_700_000_000_000 + after
			s.walk(step{fmt.Sprintf("GET /v0/topics/t/diff?from_ts=%d&limit=1", at), ``, 200, fmt.Sprintf(`{"from_seq":%d,"next_from_seq":%d,"tombstone":null}`, want, min(want+1, 10))},
				step{"POST /v0/topics/t/diff", fmt.Sprintf(`{"from_ts":%d,"limit":1}`, at), 200, fmt.Sprintf(`{"from_seq":%d}`, want)},
				step{"POST /v0/watch", fmt.Sprintf(`{"topics":{"t":{"from_ts":%d}}}`, at), 200, fmt.Sprintf(`{"topics":{"t":{"from_seq":%d,"head_seq":10,"earliest_seq":1}}}`, want)},
				step{"POST /v0/watch", fmt.Sprintf(`{"prefixes":{"":{"from_ts":%d}}}`, at), 200, fmt.Sprintf(`{"topics":{"t":{"from_seq":%d,"head_seq":10,"earliest_seq":1}}}`, want)})
		}
		s.walk(step{"GET /v0/topics/t/diff", ``, 200, `{"from_seq":"(absent)"}`},
			step{"GET /v0/topics/t/diff?from_ts=1&from_seq=1", ``, 400, badField("from_ts")}, step{"POST /v0/topics/t/diff", `{"from_ts":1,"from_seq":1}`, 400, badField("from_ts")},
			step{"GET /v0/topics/t/diff?from_ts=-1", ``, 400, badField("from_ts")}, step{"POST /v0/topics/t/diff", `{"from_ts":"1"}`, 400, badField("from_ts")},
			step{"GET /v0/topics/none/diff?from_ts=1", ``, 404, ``}, step{"POST /v0/watch", `{"topics":{"none":{"from_ts":1}}}`, 404, ``},
			step{"POST /v0/watch", `{"topics":{"t":{"from_ts":1,"tail":true}}}`, 400, badField("topics.t.from_ts")},
			// What was lost from that time on, or may have been, is said; what was deleted is not.
			step{"PATCH /v0/topics/t", `{"cap_records":5}`, 200, ``},
			step{"GET /v0/topics/t/diff?from_ts=1700000000000", ``, 200, `{"tombstone":{"gap_to":5,"reason":"cap"},"next_from_seq":10}`},
			step{"GET /v0/topics/t/diff?from_ts=1700000000030", ``, 200, `{"from_seq":6,"tombstone":null,"next_from_seq":10}`},
			step{"POST /v0/topics/t/delete", `{"before_seq":9}`, 200, ``},
			step{"GET /v0/topics/t/diff?from_ts=1700000000040", ``, 200, `{"tombstone":null,"next_from_seq":10}`},
		)
	})
}
