package topics

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// large is a topic beyond every bound of one read, one extent and one block,
// and what must be in it.
type large struct {
	*world
	rng  *rand.Rand
	live map[uint64]record.Record
	head uint64
}

func (l *large) fill(n int) {
	for n > 0 {
		batch := make([]record.Record, min(n, 1+l.rng.IntN(5000)))
		for i := range batch {
			r := record.Record{Data: bytes.Repeat([]byte{'0' + byte(i%10)}, 1+l.rng.IntN(40))}
			switch l.rng.IntN(8) {
			case 0:
			case 1:
				r.Tag, r.Node = fmt.Appendf(nil, "rare-%d", l.rng.IntN(50)), []byte("n")
			default:
				r.Tag = fmt.Appendf(nil, "often-%d", l.rng.IntN(3))
			}
			batch[i] = r
		}
		out := l.append("a", &topic.Write{Records: batch})
		for i, r := range batch {
			r.Seq = out.First + uint64(i)
			l.live[r.Seq] = r
		}
		l.head = out.Last
		n -= len(batch)
	}
}

func (l *large) forget(before uint64, pattern string) {
	l.t.Helper()
	out := l.deleteRecords("a", before, pattern)
	n := int64(0)
	for seq, r := range l.live {
		if (before == 0 || seq < before) && (pattern == "" || matches(l.t, pattern).Tag(r.Tag)) {
			delete(l.live, seq)
			n++
		}
	}
	if out.Deleted != n || out.Count != int64(len(l.live)) {
		l.t.Fatalf("deleted %d, %d are left, want %d, %d", out.Deleted, out.Count, n, len(l.live))
	}
}

// check reads all that a query wants, beginning anywhere, and holds that it is
// all there and comes in order.
func (l *large) check(q topic.Query) {
	l.t.Helper()
	q.From = l.rng.Uint64N(l.head)
	from, reads := q.From, 0
	seen := map[uint64]bool{}
	for q.From < l.head {
		b, err := l.Read(context.Background(), "a", &q)
		if err != nil || b.NextFrom <= q.From {
			l.t.Fatalf("from %d: %+v, %v", q.From, b, err)
		}
		for _, r := range b.Records {
			if want := l.live[r.Seq]; r.Seq <= q.From || r.Seq > b.NextFrom || seen[r.Seq] ||
				!bytes.Equal(r.Data, want.Data) || !bytes.Equal(r.Tag, want.Tag) || !bytes.Equal(r.Node, want.Node) {
				l.t.Fatalf("from %d: %+v, want %+v", q.From, r, want)
			}
			seen[r.Seq] = true
		}
		q.From = b.NextFrom
		reads++
	}
	for seq, r := range l.live {
		wanted := seq > from && (q.Match == nil || q.Match.Tag(r.Tag)) && (q.Nodes == nil || r.Node == nil)
		if wanted != seen[seq] {
			l.t.Fatalf("after %d: seq %d is read: %v", from, seq, seen[seq])
		}
	}
	l.t.Logf("%d records in %d reads", len(seen), reads)
}

func (l *large) checkAll() {
	l.t.Helper()
	for _, q := range []topic.Query{
		{}, {Nodes: []string{"n"}}, {Match: matches(l.t, "rare-7")}, {Match: matches(l.t, "rare*")},
		{Match: matches(l.t, "*"), Nodes: []string{"n"}}, {Match: matches(l.t, "none")},
	} {
		q.Limit, q.MaxBytes = 1+l.rng.IntN(1000), 1000+l.rng.IntN(1<<20)
		l.check(q)
	}
}

func TestLargeTopic(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	w := newWorld(t, stored(70_000), func(w *world) { w.wal.FileBytes, w.wal.QueueBytes = 4<<20, 4<<20 })
	w.disk.limits.Bytes = 64 << 20
	l := &large{world: w, rng: rand.New(rand.NewPCG(1, 2)), live: map[uint64]record.Record{}}
	w.put("a", class(record.Disk))
	l.fill(100_000)
	l.checkAll()
	w.checkpoint(nil)
	l.forget(0, "rare-7*")
	l.fill(50_000)
	l.forget(30_000, "often-1")
	if err := w.shared.Log.WaitSynced(w.shared.Log.Tail()); err != nil {
		t.Fatal(err)
	}
	w.power(1) // a lost range in the middle
	l.fill(20_000)
	l.checkAll()
	w.checkpoint(nil)
	l.forget(0, "often*")
	l.checkAll()
	w.checkpoint(nil)
	w.merge(0, w.disk.old)
	l.checkAll()
	l.forget(60_000, "")
	w.checkpoint(nil)
	w.merge(0, w.disk.old)
	w.restart()
	l.checkAll()
	l.forget(0, "*")
	l.forget(l.head+1, "")
	w.restart()
	if s := w.state("a"); s.Count != 0 || s.Bytes != 0 || s.Head != l.head || s.Earliest != l.head+1 {
		t.Fatalf("%+v", s)
	}
}
