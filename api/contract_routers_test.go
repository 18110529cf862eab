package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Section 8, the routes.
func TestContractRouters(t *testing.T) {
	const defaults = `"source":"a","dest":"b","preserve_node":true,"preserve_tag":true,"create_dest":true,"filter":null,"allow_cycle":false,"guarantee":"at_least_once"`
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(
			step{"PUT /v0/routers/a>b", `{"source":"a","dest":"b"}`, 201, `{"router":"a>b","created":true,` + defaults + `}`},
			step{"PUT /v0/routers/a>b", `{"source":"a","dest":"b"}`, 200, `{"router":"a>b","created":false,` + defaults + `}`},
			step{"GET /v0/routers/a%3Eb", ``, 200, `{"router":"a>b","forwarded_total":0,"lag":0,` + defaults + `}`},
			// PUT replaces the whole.
			step{"PUT /v0/routers/a>b", `{"source":"a","dest":"b","preserve_node":false,"preserve_tag":false,"create_dest":false,"filter":"x*","allow_cycle":true,"guarantee":"exactly_once"}`, 200,
				`{"created":false,"preserve_node":false,"preserve_tag":false,"create_dest":false,"filter":["tag","Glob","x*"],"allow_cycle":true,"guarantee":"exactly_once"}`},
			step{"GET /v0/routers/a>b", ``, 200, `{"preserve_node":false,"preserve_tag":false,"create_dest":false,"filter":["tag","Glob","x*"],"allow_cycle":true,"guarantee":"exactly_once"}`},
			step{"PUT /v0/routers/a>b", `{"source":"a","dest":"b"}`, 200, `{` + defaults + `}`},
			step{"PUT /v0/routers/c", `{"source":"a","dest":"c"}`, 201, ``}, step{"PUT /v0/routers/d", `{"source":"d","dest":"b"}`, 201, ``},
		)
		for query, want := range map[string]string{
			"": "a>b c d", "?prefix=a%3E": "a>b", "?source=a": "a>b c", "?dest=b": "a>b d", "?source=a&dest=b": "a>b", "?source=none": "", "?prefix=c&dest=b": "", "?page_size=2": "a>b c",
		} {
			var names []string
			for _, part := range strings.Split(string(s.send("GET /v0/routers"+query, "").body), `{"router":"`)[1:] {
				name, _, _ := strings.Cut(part, `"`)
				names = append(names, name)
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
		next := s.send("GET /v0/routers?page_size=2", "").text("next_cursor")
		s.walk(step{"GET /v0/routers?page_size=2&cursor=" + next, ``, 200, `{"routers":[{"router":"d","source":"d","dest":"b","preserve_node":true,"preserve_tag":true,"create_dest":true,
			"filter":null,"allow_cycle":false,"guarantee":"at_least_once","forwarded_total":0,"lag":0,"forwarded_rate":0,"state":"ok"}],"next_cursor":"(absent)"}`},
			step{"DELETE /v0/routers/a>b", ``, 200, `{"router":"a>b","deleted":true}`}, step{"DELETE /v0/routers/a>b", ``, 200, `{"router":"a>b","deleted":false}`},
			step{"GET /v0/routers/a>b", ``, 404, refusal("router_not_found")}, step{"GET /v0/topics/b", ``, 200, ``})
	})
}

// Section 8, what is forwarded and how.
func TestContractForwarding(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		const data, meta = `{"b" :1.50e1,"a":"\u00e9\/","b":-0}`, `{ "x":null, "x" : 1 }`
		s.walk(step{"POST /v0/topics/src", `{"records":[{"data":"before"}]}`, 201, ``}, step{"POST /v0/topics/all", `{"records":[{"data":"own"}]}`, 201, ``})
		for name, spec := range map[string]string{
			"all": ``, "bare": `,"preserve_node":false,"preserve_tag":false`, "tagless": `,"preserve_tag":false`, "nodeless": `,"preserve_node":false`, "exact": `,"guarantee":"exactly_once"`,
			"eq": `,"filter":"x1"`, "glob": `,"filter":"x*"`, "array": `,"filter":["tag","Eq","x*"]`, "any": `,"filter":"*"`, "none": `,"filter":"zz"`,
		} {
			s.walk(step{"PUT /v0/routers/to-" + name, `{"source":"src","dest":"` + name + `"` + spec + `}`, 201, ``})
		}
		s.walk(step{"PUT /v0/routers/other", `{"source":"src2","dest":"all"}`, 201, ``})
		s.clock.Add(1) // a copy has a $ts of its own
		s.walk(step{"POST /v0/topics/src", `{"records":[{"data":` + data + `,"meta":` + meta + `,"tag":"x1","node":"n"},{"data":2,"tag":"x2"},{"data":3},{"data":4,"tag":"x*"}]}`, 200, ``})
		first := func(seq int, parts string) string {
			return fmt.Sprintf(`{"$seq":%d,"$ts":1700000000001,%s"data":%s,"meta":%s}`, seq, parts, data, meta)
		}
		line := func(seq int, tag string, data int) string {
			return fmt.Sprintf(`{"$seq":%d,"$ts":1700000000001,%s"data":%d}`, seq, tag, data)
		}
		const node, x1, x2, star = `"$node":"n",`, `"$tag":"x1",`, `"$tag":"x2",`, `"$tag":"x*",`
		for topic, want := range map[string][]string{
			"all":      {`{"$seq":1,"$ts":1700000000000,"data":"own"}`, first(2, node+x1), line(3, x2, 2), line(4, "", 3), line(5, star, 4)},
			"bare":     {first(1, ""), line(2, "", 2), line(3, "", 3), line(4, "", 4)},
			"tagless":  {first(1, node), line(2, "", 2), line(3, "", 3), line(4, "", 4)},
			"nodeless": {first(1, x1), line(2, x2, 2), line(3, "", 3), line(4, star, 4)},
			"exact":    {first(1, node+x1), line(2, x2, 2), line(3, "", 3), line(4, star, 4)},
			"eq":       {first(1, node+x1)}, "glob": {first(1, node+x1), line(2, x2, 2), line(3, star, 4)}, "array": {line(1, star, 4)},
			"any": {first(1, node+x1), line(2, x2, 2), line(3, star, 4)}, "none": nil,
		} {
			// The read itself catches up with what was acknowledged.
			records := "[" + strings.Join(want, ",") + "]"
			a := s.sendUntil("GET /v0/topics/"+topic+"/diff?include_tags=1", "", func(a *answer) bool { return a.raw("records") == records })
			if got := a.raw("records"); got != records {
				t.Errorf("%s has %s\nwant %s", topic, got, records)
			}
			forwarded := len(want)
			if topic == "all" {
				forwarded--
			}
			s.walk(step{"GET /v0/routers/to-" + topic, ``, 200, fmt.Sprintf(`{"forwarded_total":%d,"lag":0,"blocked":"(absent)"}`, forwarded)})
		}
		s.walk(
			// Several sources into one destination; deletes do not propagate.
			step{"POST /v0/topics/src2", `{"records":[{"data":"two"}]}`, 200, ``}, step{"GET /v0/topics/all/diff?from_seq=5", ``, 200, `{"next_from_seq":6}`},
			step{"POST /v0/topics/src/delete", `{"before_seq":99}`, 200, `{"count":0}`}, step{"GET /v0/topics/all/diff", ``, 200, `{"next_from_seq":6,"tombstone":null}`},
			step{"GET /v0/topics/all", ``, 200, `{"count":6}`}, step{"GET /v0/topics/src", ``, 200, `{"head_seq":5,"count":0}`},
			// With other ends it begins at the new source's head; the same ends go on.
			step{"PUT /v0/routers/to-none", `{"source":"src2","dest":"none"}`, 200, ``}, step{"GET /v0/topics/none/diff", ``, 200, `{"head_seq":0}`},
			step{"POST /v0/topics/src2", `{"records":[{"data":"three"}]}`, 200, ``}, step{"GET /v0/topics/none/diff", ``, 200, `{"head_seq":1}`},
			step{"PUT /v0/routers/to-none", `{"source":"src2","dest":"none","preserve_tag":false}`, 200, ``}, step{"POST /v0/topics/src2", `{"records":[{},{}]}`, 200, ``},
			step{"GET /v0/topics/none/diff", ``, 200, `{"head_seq":3}`}, step{"GET /v0/routers/to-none", ``, 200, `{"lag":0}`},
			// A router that is gone forwards no more.
			step{"DELETE /v0/routers/to-none", ``, 200, ``}, step{"POST /v0/topics/src2", `{"records":[{}]}`, 200, ``}, step{"GET /v0/topics/none/diff", ``, 200, `{"head_seq":3}`},
		)
	})
}

// Section 8: the destination is full and rejects. The router waits, its cursor
// stays, and the writer of the source notices nothing; nor does a reader wait.
func TestContractBlockedRouter(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/full", `{"cap_records":2,"discard":"reject"}`, 201, ``}, step{"PUT /v0/routers/r", `{"source":"a","dest":"full"}`, 201, ``},
			step{"POST /v0/topics/a", `{"records":[{"data":1},{"data":2},{"data":3}]}`, 200, ``}, step{"POST /v0/topics/a", `{"records":[{"data":4}]}`, 200, ``},
			step{"GET /v0/topics/full/diff", ``, 200, `{"head_seq":2}`})
		waitFor(t, func() bool {
			return s.send("GET /v0/routers/r", "").differs(`{"forwarded_total":2,"lag":2,"blocked":"(any)"}`) == ""
		})
		s.walk(step{"POST /v0/topics/full", `{"records":[{}]}`, 422, ``}, step{"POST /v0/topics/full/delete", `{"before_seq":2}`, 200, ``})
		waitFor(t, func() bool { return s.send("GET /v0/topics/full", "").differs(`{"head_seq":3,"count":2}`) == "" })
		// One that does not reject is never full, however small it is.
		s.walk(step{"PUT /v0/topics/small", `{"cap_records":2}`, 201, ``}, step{"PUT /v0/routers/s", `{"source":"b","dest":"small"}`, 201, ``},
			step{"PUT /v0/topics/tiny", `{"cap_bytes":5}`, 201, ``}, step{"PUT /v0/routers/t", `{"source":"b","dest":"tiny"}`, 201, ``},
			step{"POST /v0/topics/b", `{"records":[{},{"data":"larger than the cap"},{"data":3},{"data":4},{"data":5}]}`, 200, ``},
			step{"GET /v0/topics/small/diff", ``, 200, `{"tombstone":{"reason":"cap","gap_to":3},"next_from_seq":5}`},
			step{"GET /v0/topics/tiny/diff", ``, 200, `{"tombstone":{"reason":"cap","gap_to":2},"next_from_seq":5}`})
		s.walk(step{"PUT /v0/topics/full", ``, 200, ``})
		waitFor(t, func() bool {
			return s.send("GET /v0/routers/r", "").differs(`{"forwarded_total":4,"lag":0,"blocked":"(absent)"}`) == ""
		})
		s.walk(step{"GET /v0/topics/full/diff", ``, 200, `{"records":[{"$seq":2,"$ts":1700000000000,"data":2},{"$seq":3,"$ts":1700000000000,"data":3},{"$seq":4,"$ts":1700000000000,"data":4}],"tombstone":null}`})
	})
}

// Sections 5 and 8: a writer's answer never waits for forwarding. A read of the
// destination does, for a second at most, and not at all for a router that is
// blocked.
func TestContractCatchUp(t *testing.T) {
	var disk *heldDisk
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/src", `{"records":[{}],"config":{"durability":"ephemeral"}}`, 201, ``}, step{"PUT /v0/topics/dest", `{"durable":true}`, 201, ``},
			step{"PUT /v0/topics/full", `{"cap_records":1,"discard":"reject"}`, 201, ``}, step{"POST /v0/topics/full", `{"records":[{}]}`, 200, ``},
			step{"PUT /v0/routers/r", `{"source":"src","dest":"dest"}`, 201, ``}, step{"PUT /v0/routers/b", `{"source":"src","dest":"full"}`, 201, ``})
		disk.held.Lock()
		s.walk(step{"POST /v0/topics/src", `{"records":[{"data":1}]}`, 200, `{"first_seq":2}`})
		waitFor(t, func() bool { return s.send("GET /v0/routers/b", "").differs(`{"blocked":"(any)"}`) == "" })
		waitFor(t, func() bool { // a slow machine may be slow once, a read that waits is each time
			began := time.Now()
			s.walk(step{"GET /v0/topics/full/diff", ``, 200, `{"head_seq":1}`})
			return time.Since(began) < catchUp
		})
		began := time.Now()
		s.walk(step{"GET /v0/topics/dest/diff", ``, 200, `{"head_seq":0}`})
		if took := time.Since(began); took < catchUp {
			t.Errorf("a read waited only %v for a router that is late", took)
		}
		disk.held.Unlock()
		s.walk(step{"GET /v0/topics/dest/diff", ``, 200, `{"head_seq":1,"caught_up":true}`})
	}, func(o *recovery.Options) {
		disk = &heldDisk{FS: crashfs.New()}
		o.FS = disk
	})
}

// Section 8: ends that are missing, and what a refused router leaves.
func TestContractRouterEnds(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/here", ``, 201, ``}, step{"PUT /v0/topics/there", ``, 201, ``},
			step{"PUT /v0/routers/r", `{"source":"no1","dest":"no2","create_dest":false}`, 404, refusal("topic_not_found")},
			step{"PUT /v0/routers/r", `{"source":"here","dest":"no2","create_dest":false}`, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"no2"}}}`},
			step{"PUT /v0/routers/r", `{"source":"no1","dest":"here","create_dest":false}`, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"no1"}}}`},
			step{"PUT /v0/routers/r", `{"source":"no1","dest":"no1"}`, 400, badField("dest")},
			step{"PUT /v0/routers/r", `{"source":"no1","dest":"no1","allow_cycle":true}`, 400, badField("dest")},
			step{"PUT /v0/routers/r", `{"source":"no1","dest":"no>2"}`, 400, badField("dest")},
			step{"PUT /v0/routers/r", `{"source":"no1","dest":"no2","guarantee":"at_most_once"}`, 400, badField("guarantee")},
			step{"PUT /v0/routers/r", `{"source":"no1","dest":"no2","filter":"a*b"}`, 400, badField("filter")},
			step{"GET /v0/topics/no1", ``, 404, ``}, step{"GET /v0/topics/no2", ``, 404, ``}, step{"GET /v0/routers/r", ``, 404, ``},
			step{"PUT /v0/routers/r", `{"source":"here","dest":"there","create_dest":false}`, 201, ``},
			step{"PUT /v0/routers/r", `{"source":"here","dest":"no2","create_dest":false}`, 404, ``}, step{"GET /v0/routers/r", ``, 200, `{"dest":"there"}`},
			step{"PUT /v0/routers/r", `{"source":"new1","dest":"new2"}`, 200, `{"created":false}`}, step{"GET /v0/topics/new1", ``, 200, `{"head_seq":0}`}, step{"GET /v0/topics/new2", ``, 200, ``},
			// A topic that is made again under an end's name has no router.
			step{"DELETE /v0/topics/new1", ``, 200, `{"routers_removed":["r"]}`}, step{"POST /v0/topics/new1", `{"records":[{}]}`, 201, ``}, step{"GET /v0/topics/new2/diff", ``, 200, `{"head_seq":0}`})
	})
}

// Section 8, ways: a diamond makes two copies, and a router that gives a record
// of any topic more ways than TOPICS_MAX_ROUTER_WAYS is refused.
func TestContractRouterWays(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for _, r := range []string{"ab", "ac", "bd", "cd", "de", "ea"} {
			status, body := 201, fmt.Sprintf(`{"source":%q,"dest":%q,"allow_cycle":%v}`, r[:1], r[1:], r == "ea")
			s.walk(step{"PUT /v0/routers/" + r, body, status, ``})
		}
		s.walk(step{"DELETE /v0/routers/ea", ``, 200, ``},
			step{"POST /v0/topics/a", `{"records":[{"data":1}]}`, 200, ``}, step{"GET /v0/topics/d/diff", ``, 200, `{"head_seq":2,"records":[{"$seq":1,"$ts":1700000000000,"data":1},{"$seq":2,"$ts":1700000000000,"data":1}]}`},
			step{"PUT /v0/routers/df", `{"source":"d","dest":"f"}`, 201, ``}, // four
			step{"PUT /v0/routers/eg", `{"source":"e","dest":"g"}`, 201, ``}, // still
			step{"PUT /v0/routers/fh", `{"source":"f","dest":"h"}`, 201, ``},
			step{"PUT /v0/routers/fi", `{"source":"f","dest":"i"}`, 409, `{"error":{"code":"router_fanout","detail":{"topic":"a","ways":5,"max":4}}}`},
			step{"PUT /v0/routers/z", `{"source":"z","dest":"a"}`, 201, ``},
			step{"GET /v0/topics/i", ``, 404, ``}, step{"GET /v0/routers/fi", ``, 404, ``},
			// One that is there may be sent again, and changed.
			step{"PUT /v0/routers/df", `{"source":"d","dest":"f","preserve_tag":false}`, 200, `{"created":false,"preserve_tag":false}`})
	}, func(o *recovery.Options) { o.Topics.MaxRouterWays = 4 })
}

// Section 8, cycles.
func TestContractCycles(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/routers/ab", `{"source":"a","dest":"b"}`, 201, ``})
		a := s.send("PUT /v0/routers/ba", `{"source":"b","dest":"a"}`)
		cycle := a.differs(`{"error":{"code":"router_cycle","detail":{"cycle":["a","b","a"]}}}`)
		if other := a.differs(`{"error":{"code":"router_cycle","detail":{"cycle":["b","a","b"]}}}`); a.status != 409 || cycle != "" && other != "" {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.walk(step{"PUT /v0/routers/bc", `{"source":"b","dest":"c"}`, 201, ``},
			step{"PUT /v0/routers/ca", `{"source":"c","dest":"a"}`, 409, `{"error":{"detail":{"cycle":["c","a","b","c"]}}}`},
			// Replacing a router may close one as well.
			step{"PUT /v0/routers/cd", `{"source":"c","dest":"d"}`, 201, ``}, step{"PUT /v0/routers/cd", `{"source":"c","dest":"a"}`, 409, refusal("router_cycle")},
			step{"GET /v0/routers/cd", ``, 200, `{"dest":"d"}`},
			step{"PUT /v0/routers/ca", `{"source":"c","dest":"fresh"}`, 201, ``}, step{"DELETE /v0/routers/ca", ``, 200, ``}, step{"DELETE /v0/routers/cd", ``, 200, ``},
			step{"PUT /v0/routers/ca", `{"source":"c","dest":"a","allow_cycle":true}`, 201, ``},
			step{"POST /v0/topics/a", `{"records":[{"data":1}]}`, 200, ``}, step{"POST /v0/topics/c", `{"records":[{"data":2}]}`, 200, ``})
		for _, topic := range []string{"a", "b", "c"} { // never twice into the same topic
			waitFor(t, func() bool { return s.send("GET /v0/topics/"+topic+"/diff", "").differs(`{"head_seq":2}`) == "" })
		}
		// At most 16 hops where there is a cycle.
		for i := range 20 {
			s.walk(step{fmt.Sprintf("PUT /v0/routers/ring%d", i), fmt.Sprintf(`{"source":"t%d","dest":"t%d","allow_cycle":%t}`, i, (i+1)%20, i == 19), 201, ``})
		}
		s.walk(step{"POST /v0/topics/t0", `{"records":[{"data":1}]}`, 200, ``})
		for i := range 20 {
			s.walk(step{fmt.Sprintf("GET /v0/topics/t%d/diff", i), ``, 200, fmt.Sprintf(`{"head_seq":%d}`, map[bool]int{true: 1}[i <= 16])})
		}
		for _, topic := range []string{"a", "b", "c"} {
			s.walk(step{"GET /v0/topics/" + topic + "/diff", ``, 200, `{"head_seq":2}`})
		}
	})
}
