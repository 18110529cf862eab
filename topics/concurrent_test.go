package topics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"go.uber.org/goleak"
)

// crowd is many clients of one topic at once.
type crowd struct {
	*world
	group   sync.WaitGroup
	written sync.Map // seq: its data
	done    atomic.Bool
	deleted atomic.Int64
	failed  chan error // the first
}

func (c *crowd) run(f func() error) {
	c.group.Add(1)
	go func() {
		defer c.group.Done()
		if err := f(); err != nil {
			select {
			case c.failed <- err:
			default:
			}
		}
	}()
}

// writer appends pairs: one record that stays, one that is to be deleted.
func (c *crowd) writer(id, n int) error {
	for i := range n {
		w := &topic.Write{Records: []record.Record{
			{Data: fmt.Appendf(nil, "%d/%d", id, i), Tag: []byte("stays")},
			{Data: fmt.Appendf(nil, "%d/%d", id, i), Tag: fmt.Appendf(nil, "goes-%d-%d", id, i)},
		}}
		out, err := c.Append(context.Background(), "a", w)
		if err != nil {
			return err
		}
		c.written.Store(out.First, string(w.Records[0].Data))
		if i%3 > 0 {
			continue
		}
		d := &Deletion{Match: &record.Match{Value: fmt.Sprintf("goes-%d-%d", id, i)}}
		switch gone, err := c.DeleteRecords(context.Background(), "a", d); {
		case err != nil:
			return err
		case gone.Deleted != 1:
			return fmt.Errorf("deleting %d/%d took %d records", id, i, gone.Deleted)
		}
		c.deleted.Add(1)
	}
	return nil
}

// reader follows the topic to its end and holds that it sees each record that
// stays once, in order, and as it was written.
func (c *crowd) reader(m *record.Match, stays int) error {
	q := &topic.Query{Limit: 50, MaxBytes: 1 << 20, Match: m, Wait: time.Minute}
	for seen := 0; seen < stays; {
		b, err := c.Read(context.Background(), "a", q)
		if err != nil {
			return err
		}
		if b.Tombstone != nil || b.NextFrom < q.From {
			return fmt.Errorf("from %d to %d, %+v", q.From, b.NextFrom, b.Tombstone)
		}
		for _, r := range b.Records {
			if r.Seq <= q.From || r.Seq > b.NextFrom {
				return fmt.Errorf("seq %d after %d, next from %d", r.Seq, q.From, b.NextFrom)
			}
			q.From = r.Seq
			if string(r.Tag) == "stays" {
				seen++
				if data, ok := c.written.Load(r.Seq); ok && data != string(r.Data) {
					return fmt.Errorf("seq %d holds %s, not %s", r.Seq, r.Data, data)
				}
			}
		}
		q.From = b.NextFrom
	}
	return nil
}

// TestConcurrentStorage holds that writers, readers, deleters, the sweeper,
// checkpoints and merges do not get into each other's way.
func TestConcurrentStorage(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWorld(t, stored(100), func(w *world) { w.wal.Manual = false })
	c := &crowd{world: w, failed: make(chan error, 1)}
	w.put("a", class(record.Disk))
	const writers, pairs = 3, 300
	var writing sync.WaitGroup
	for id := range writers {
		writing.Add(1)
		c.run(func() error { defer writing.Done(); return c.writer(id, pairs) })
	}
	c.run(func() error { writing.Wait(); c.done.Store(true); return nil })
	for _, m := range []*record.Match{nil, matches(t, "stays"), matches(t, "*")} {
		c.run(func() error { return c.reader(m, writers*pairs) })
	}
	c.run(func() error {
		for !c.done.Load() {
			w.Sweep(context.Background())
			if s, err := w.State("a", true); err != nil || s.Count > int64(s.Head) {
				return errors.Join(err, fmt.Errorf("%+v", s))
			}
		}
		return nil
	})
	for !c.done.Load() {
		w.checkpoint(nil)
		w.merge(0, w.disk.old)
	}
	c.group.Wait()
	select {
	case err := <-c.failed:
		t.Fatal(err)
	default:
	}
	check := func() {
		t.Helper()
		want := 2*writers*pairs - c.deleted.Load()
		if s := w.state("a"); s.Count != want || s.Head != 2*writers*pairs || len(drain(w, "a", 0)) != int(want) {
			t.Fatalf("%+v, want %d", s, want)
		}
	}
	check()
	w.restart()
	check()
	w.deleteRecords("a", 1<<40, "")
	if s := w.state("a"); s.Count != 0 || s.Bytes != 0 {
		t.Fatalf("%+v", s)
	}
	if err := w.shared.Log.Close(); err != nil {
		t.Fatal(err)
	}
}
