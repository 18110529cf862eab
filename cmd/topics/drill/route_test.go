package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// copyShelf returns a shelf with copies of ops, and the route to it.
func copyShelf(t *testing.T, filter string) (*shelf, *route, []acked) {
	t.Helper()
	_, source, ops := history(fsync, 40)
	s := newShelf(source.plan)
	r := newRoutes(source, filter, source.findings)[0]
	r.filter = filter
	for _, a := range ops {
		if strings.HasPrefix(a.op.tag(), filter) {
			s.put(a.op)
		}
	}
	return s, r, ops
}

func (s *shelf) check(t *testing.T, r *route) Tally {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var body struct {
			From uint64 `json:"from_seq"`
		}
		_ = json.NewDecoder(q.Body).Decode(&body) // sent by the client of this repository
		page := s.page(body.From, 100)
		var records []string
		for _, x := range page.Records {
			tail := ""
			if x.Meta != nil {
				tail = fmt.Sprintf(`,"meta":%s`, x.Meta)
			}
			records = append(records, fmt.Sprintf(`{"$seq":%d,"$tag":%q,"$node":%q,"data":%s%s}`, x.Seq, text(x.Tag), text(x.Node), x.Data, tail))
		}
		tombstone, _ := json.Marshal(page.Tombstone)
		fmt.Fprintf(w, `{"records":[%s],"next_from_seq":%d,"head_seq":%d,"earliest_seq":1,"caught_up":%t,"tombstone":%s}`,
			strings.Join(records, ","), page.NextFrom, page.HeadSeq, page.CaughtUp, tombstone)
	}))
	defer srv.Close()
	c, err := newClient(strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := r.check(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	return r.counted()
}

func TestRouteFinds(t *testing.T) {
	for _, tt := range []struct {
		name, filter string
		plant        func(s *shelf, r *route, ops []acked)
		want         func(Tally) bool
	}{
		{"nothing in a whole copy", "", func(*shelf, *route, []acked) {},
			func(t Tally) bool { return t.broken() == 0 && t.Copied > 0 }},
		{"nothing in a part", "w3-op-1", func(*shelf, *route, []acked) {},
			func(t Tally) bool { return t.broken() == 0 && t.Copied > 0 }},
		{"nothing in what is not owed after a delete", "", func(s *shelf, r *route, ops []acked) {
			last := ops[len(ops)-1]
			r.source.mu.deletions.certain(deletion{op: last.op.id})
			s.drop(last.first, s.head)
			s.head = last.first - 1
		}, func(t Tally) bool { return t.broken() == 0 }},
		{"nothing in a lost range that held nothing", "", func(s *shelf, _ *route, _ []acked) {
			s.lost = []seqRange{{s.head + 1, s.head + 5}}
			s.head += 5
		}, func(t Tally) bool { return t.broken() == 0 }},
		{"a copy that is missing at the end", "", func(s *shelf, _ *route, ops []acked) {
			last := ops[len(ops)-1]
			s.drop(last.first, s.head)
			s.head = last.first - 1
		}, func(t Tally) bool { return t.Lost > 0 && t.broken() == t.Lost }},
		{"a copy that is missing in the middle", "", func(s *shelf, _ *route, ops []acked) { s.drop(ops[5].first, ops[5].first) },
			func(t Tally) bool { return t.Lost == 1 && t.Gaps == 1 }},
		{"an op that is there twice", "", func(s *shelf, _ *route, ops []acked) { s.put(ops[3].op) },
			func(t Tally) bool { return t.Duplicates > 0 && t.Unexpected == 1 && t.Lost == 0 }},
		{"what the filter leaves out", "w3-op-1", func(s *shelf, _ *route, ops []acked) { s.put(ops[len(ops)-1].op) },
			func(t Tally) bool { return t.Unexpected > 0 && t.Lost == 0 }},
		{"a seq that held something else before", "", func(_ *shelf, r *route, ops []acked) { r.content[1] = ident{ops[9].op.id, 0} },
			func(t Tally) bool { return t.Reused == 1 && t.broken() == 1 }},
		{"a copy that was there before", "", func(s *shelf, r *route, ops []acked) { r.content[s.head+1] = ident{ops[0].op.id, 0} },
			func(t Tally) bool { return t.Lost == 1 && t.broken() == 1 }},
		{"a changed byte", "", func(s *shelf, _ *route, ops []acked) {
			x := s.records[2]
			x.Tag = new("other")
			s.records[2] = x
		}, func(t Tally) bool { return t.Damaged == 1 && t.broken() == 1 }},
		{"copies out of order", "", func(s *shelf, _ *route, ops []acked) {
			a, b := s.records[ops[0].first], s.records[ops[len(ops)-1].first]
			a.Seq, b.Seq = b.Seq, a.Seq
			s.records[a.Seq], s.records[b.Seq] = a, b
		}, func(t Tally) bool { return t.Unexpected > 0 && t.Lost == 0 && t.Gaps == 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, r, ops := copyShelf(t, tt.filter)
			tt.plant(s, r, ops)
			if tally := s.check(t, r); !tt.want(tally) {
				t.Errorf("%+v\n%s", tally, strings.Join(r.findings.list(), "\n"))
			}
		})
	}
}

func TestWatcherFinds(t *testing.T) {
	for _, tt := range []struct {
		name string
		feed func(w *watcher, s *shelf, ops []acked)
		want func(Tally) bool
	}{
		{"nothing when all came", func(w *watcher, s *shelf, _ []acked) { w.feed(s, 1, s.head) },
			func(t Tally) bool { return t.broken() == 0 }},
		{"nothing in a declared loss", func(w *watcher, s *shelf, _ []acked) {
			w.feed(s, 1, 5)
			w.take(client.Tombstone{Topic: "t", GapFrom: 6, GapTo: 9, Reason: "crash"})
			w.feed(s, 10, s.head)
		}, func(t Tally) bool { return t.broken() == 0 }},
		{"nothing in what was deleted", func(w *watcher, s *shelf, ops []acked) {
			w.topics["t"].(*book).mu.deletions.certain(deletion{op: ops[4].op.id})
			w.feed(s, 1, ops[4].first-1)
			w.feed(s, ops[5].first, s.head)
		}, func(t Tally) bool { return t.broken() == 0 }},
		{"what it was not told of", func(w *watcher, s *shelf, ops []acked) {
			w.feed(s, 1, ops[4].first-1)
			w.feed(s, ops[5].first, s.head)
		}, func(t Tally) bool { return t.Gaps > 0 && t.broken() == t.Gaps }},
		{"an end that it was not told of", func(w *watcher, s *shelf, ops []acked) {
			w.feed(s, 1, s.head-1)
			w.take(client.CaughtUp{Topic: "t", Head: s.head})
		}, func(t Tally) bool { return t.Gaps == 1 && t.broken() == 1 }},
		{"a record that comes again", func(w *watcher, s *shelf, _ []acked) {
			w.feed(s, 1, 5)
			w.feed(s, 5, s.head)
		}, func(t Tally) bool { return t.Unexpected == 1 }},
		{"another record at a seq", func(w *watcher, s *shelf, ops []acked) {
			a, b := s.records[ops[0].first], s.records[ops[1].first]
			b.Seq = a.Seq
			s.records[a.Seq] = b
			w.feed(s, 1, s.head)
		}, func(t Tally) bool { return t.broken() > 0 }},
		{"a loss that no kill explains", func(w *watcher, s *shelf, _ []acked) {
			w.take(client.Tombstone{Topic: "t", GapFrom: 1, GapTo: 3, Reason: "cap"})
			w.feed(s, 4, s.head)
		}, func(t Tally) bool { return t.Unexpected == 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, b, ops := history(fsync, 20)
			w := newWatcher()
			w.topics["t"] = b
			tt.feed(w, s, ops)
			w.judge()
			if tally := b.counted(); !tt.want(tally) {
				t.Errorf("%+v\n%s", tally, strings.Join(b.findings.list(), "\n"))
			}
		})
	}
}

// feed passes records of the shelf to the watcher.
func (w *watcher) feed(s *shelf, first, last uint64) {
	e := client.Records{Topic: "t", To: last}
	for seq := first; seq <= last; seq++ {
		e.Records = append(e.Records, s.records[seq])
	}
	w.take(e)
}
