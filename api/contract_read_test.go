package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// diff asks for the same by POST and by GET and holds that the answers are the
// same. Fields are given as in a query; match and node may have any form.
func (s *contractServer) diff(topic, query, want string) {
	s.t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		s.t.Fatal(err)
	}
	var fields []string
	for name, all := range values {
		v := all[0]
		switch {
		case name == "node" && len(all) > 1:
			v = `["` + strings.Join(all, `","`) + `"]`
		case name == "node", name == "match" && !strings.HasPrefix(v, "["):
			v = fmt.Sprintf("%q", v)
		}
		fields = append(fields, fmt.Sprintf("%q:%s", name, v))
	}
	s.walk(step{"GET /v0/topics/" + topic + "/diff?" + values.Encode(), ``, 200, want},
		step{"POST /v0/topics/" + topic + "/diff", "{" + strings.Join(fields, ",") + "}", 200, want})
}

// Section 5, by POST and by GET.
func TestContractRead(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":1,"tag":"a","node":"n1","meta":{"m":1}},{"data":2,"tag":"ab","node":"n2"},{"data":3},{"data":4,"tag":"b","node":"n1"}]}`, 201, ``})
		const full = `{"topic":"t","records":[{"$seq":1,"$ts":1700000000000,"$node":"n1","data":1,"meta":{"m":1}},{"$seq":2,"$ts":1700000000000,"$node":"n2","data":2},
			{"$seq":3,"$ts":1700000000000,"data":3},{"$seq":4,"$ts":1700000000000,"$node":"n1","data":4}],
			"next_from_seq":4,"head_seq":4,"earliest_seq":1,"caught_up":true,"tombstone":null,"lag":0,"performance":{"records_scanned":4}}`
		seqs := func(next int, caughtUp bool, seqs ...int) string {
			var all []string
			for _, n := range seqs {
				node := map[int]string{1: `"$node":"n1",`, 2: `"$node":"n2",`, 4: `"$node":"n1",`}[n]
				all = append(all, fmt.Sprintf(`{"$seq":%d,"$ts":1700000000000,%s"data":%d}`, n, node, n))
			}
			return fmt.Sprintf(`{"records":[%s],"next_from_seq":%d,"caught_up":%t,"lag":%d,"tombstone":null}`, strings.Join(all, ","), next, caughtUp, 4-next)
		}
		for query, want := range map[string]string{
			"": full, "from_seq=0&limit=0&max_batch_bytes=0&wait_ms=0&include_meta=true&include_tags=false": full,
			"limit=1000": full, "limit=9223372036854775807&max_batch_bytes=9223372036854775807": full, "wait_ms=9223372036854775807": full,
			"include_meta=false": seqs(4, true, 1, 2, 3, 4), "include_meta=false&limit=2": seqs(2, false, 1, 2),
			"include_meta=false&max_batch_bytes=1": seqs(1, false, 1), "from_seq=3": seqs(4, true, 4), "from_seq=4": seqs(4, true),
			// Silently left out; the cursor moves on, and says so.
			"node=n1": seqs(4, true, 2, 3), "node=n1&node=n2": seqs(4, true, 3), "node=n3&include_meta=false": seqs(4, true, 1, 2, 3, 4),
			"match=a&include_meta=false": seqs(4, true, 1), "match=a*&include_meta=false": seqs(4, true, 1, 2), "match=b": seqs(4, true, 4), "match=zz": seqs(4, true),
			`match=["tag","Eq","ab"]`: seqs(4, true, 2), `match=["tag","Glob","a*"]&node=n1`: seqs(4, true, 2), "match=*&include_meta=false": seqs(4, true, 1, 2, 4),
			`match=["tag","Eq","a*"]`: seqs(4, true), "match=b&limit=1": seqs(4, true, 4), "match=a*&limit=1&include_meta=false": seqs(1, false, 1),
		} {
			s.diff("t", query, want)
		}
		s.diff("t", "include_tags=true&limit=2", `{"records":[{"$seq":1,"$ts":1700000000000,"$node":"n1","$tag":"a","data":1,"meta":{"m":1}},{"$seq":2,"$ts":1700000000000,"$node":"n2","$tag":"ab","data":2}]}`)
		s.walk(step{"POST /v0/topics/t/diff", ``, 200, full}, step{"POST /v0/topics/t/diff", `{}`, 200, full},
			step{"GET /v0/topics/absent/diff", ``, 404, ``}, step{"POST /v0/topics/absent/diff", `{}`, 404, ``}, step{"GET /v0/topics/absent", ``, 404, ``},
			// dedupe_node off.
			step{"PATCH /v0/topics/t", `{"dedupe_node":false}`, 200, ``}, step{"POST /v0/topics/t/diff", `{"node":["n1","n2"],"include_meta":false}`, 200, seqs(4, true, 1, 2, 3, 4)},
			step{"PATCH /v0/topics/t", `{"dedupe_node":true}`, 200, ``},
			// Deleted and expired records move the cursor.
			step{"POST /v0/topics/t/delete", `{"match":"b"}`, 200, ``}, step{"POST /v0/topics/t/diff", `{"from_seq":2}`, 200, seqs(4, true, 3)},
			step{"POST /v0/topics/t/delete", `{"before_seq":5}`, 200, ``}, step{"POST /v0/topics/t/diff", `{"from_seq":1}`, 200, seqs(4, true)},
			// Reading bumps the recency clock, not only the first time.
			step{"PUT /v0/topics/r", ``, 201, ``}, step{"GET /v0/topics/r?touch=0", ``, 200, `{"last_read_ts":null}`}, step{"GET /v0/topics/r/diff", ``, 200, ``},
			step{"GET /v0/topics/r?touch=0", ``, 200, `{"last_read_ts":1700000000000}`})
		s.clock.Add(5)
		s.walk(step{"POST /v0/topics/r/diff", `{}`, 200, ``}, step{"GET /v0/topics/r?touch=0", ``, 200, `{"last_read_ts":1700000000005}`})
	})
}

// Section 5, the sizes of a batch.
func TestContractBatchSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		many := `{"records":[` + strings.TrimSuffix(strings.Repeat(`{},`, 1500), ",") + `]}`
		s.walk(step{"POST /v0/topics/t", many, 201, ``})
		s.diff("t", "", `{"next_from_seq":256}`)
		s.diff("t", "limit=0", `{"next_from_seq":256}`)
		s.diff("t", "limit=999", `{"next_from_seq":999}`)
		s.diff("t", "limit=1001", `{"next_from_seq":1000}`)
		// 20 of 900 KiB each: a default of 1 MiB is one, the most of 8 MiB is nine.
		for range 10 {
			big := `"` + strings.Repeat("x", 900<<10-2) + `"`
			s.walk(step{"POST /v0/topics/b", `{"records":[{"data":` + big + `},{"data":` + big + `}]}`, s.made("/v0/topics/b"), ``})
		}
		s.diff("b", "", `{"next_from_seq":1}`)
		s.diff("b", "max_batch_bytes=1", `{"next_from_seq":1}`) // at least one always comes
		s.diff("b", "max_batch_bytes=1843200", `{"next_from_seq":2}`)
		s.diff("b", "max_batch_bytes=8388608", `{"next_from_seq":9}`)
		s.diff("b", "max_batch_bytes=99999999", `{"next_from_seq":9}`)
		for _, query := range []string{"limit=-1", "max_batch_bytes=-1", "wait_ms=-1", "from_seq=-1", "from_seq=18446744073709551616", "limit=1.5", "wait_ms=x", "from_seq="} {
			field, _, _ := strings.Cut(query, "=")
			s.walk(step{"GET /v0/topics/t/diff?" + query, ``, 400, badField(field)})
		}
		s.walk(step{"GET /v0/topics/t/diff?unknown=1&Limit=5", ``, 200, `{"next_from_seq":256}`})
	})
}

// Section 5, wait_ms: until something is there, not for what is filtered out,
// and no longer than asked for.
func TestContractLongPoll(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/t", ``, 201, ``})
		began := time.Now()
		s.walk(step{"GET /v0/topics/t/diff?wait_ms=120", ``, 200, `{"records":[],"next_from_seq":0,"caught_up":true}`})
		if took := time.Since(began); took < 120*time.Millisecond {
			t.Errorf("it waited %v", took)
		}
		for _, ask := range []step{
			{"GET /v0/topics/t/diff?wait_ms=30000&match=yes", ``, 200, `{"caught_up":true}`},
			{"POST /v0/topics/t/diff", `{"wait_ms":30000,"match":"yes"}`, 200, `{"caught_up":true}`},
		} {
			before, _ := s.registry.State("t", false)
			done := make(chan *answer)
			go func() {
				done <- s.send(strings.Replace(ask.ask, "?", fmt.Sprintf("?from_seq=%d&", before.Head), 1), strings.Replace(ask.body, "{", fmt.Sprintf(`{"from_seq":%d,`, before.Head), 1))
			}()
			s.walk(step{"POST /v0/topics/t", `{"records":[{"tag":"no"}]}`, 200, ``}, step{"POST /v0/topics/t", `{"records":[{"tag":"yes"}]}`, 200, ``})
			if a := <-done; a.status != 200 || strings.Count(string(a.body), `"$seq"`) != 1 || a.differs(fmt.Sprintf(`{"next_from_seq":%d}`, before.Head+2)) != "" {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		// What is there already is not waited for.
		s.walk(step{"GET /v0/topics/t/diff?wait_ms=30000&from_seq=1", ``, 200, `{"next_from_seq":4}`},
			step{"GET /v0/topics/t/diff?wait_ms=30000&from_seq=99", ``, 200, `{"tombstone":{"reason":"recreated"}}`})
	})
}
