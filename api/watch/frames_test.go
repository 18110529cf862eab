package watch

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// tally is an output that counts records and checks their order.
type tally struct {
	session *Session
	mu      sync.Mutex
	last    uint64
	frames  int
	err     error
}

func (c *tally) Records(f *Frame, _ bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames++
	if f.From != c.last || f.To != f.From+uint64(f.Count) {
		c.err = fmt.Errorf("a frame %d-%d of %d records after %d", f.From, f.To, f.Count, c.last)
	}
	c.last = f.To
	return nil
}

func (c *tally) Tombstone(string, *topic.Tombstone, bool) error { return fmt.Errorf("a tombstone") }
func (c *tally) CaughtUp(string, uint64) error                  { return nil }
func (c *tally) Deleted(string, uint64, string) error           { return fmt.Errorf("a deletion") }
func (c *tally) Failed(_ string, err error) error               { return err }
func (c *tally) Idle() error                                    { return nil }

// A thousand sessions of one topic each get every record once and in order, at
// the price of a few reads; after they have ended, no memory is retained.
func TestSharing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const watchers, writes = 1000, 20
		w.write("a", 1, 1)
		outs := make([]*tally, watchers)
		stops := make([]func() error, watchers)
		for i := range outs {
			s := NewSession(w.frames, plain(), 1, everything)
			defer s.Close()
			_, err := s.Add("a", Start{})
			must(t, err)
			outs[i] = &tally{session: s}
			stops[i] = s.run(outs[i])
		}
		synctest.Wait()
		w.reads.Store(0)
		for i := range writes {
			w.write("a", i+2, 1)
			synctest.Wait()
		}
		if n := w.reads.Load(); n > 3*writes {
			t.Errorf("%d reads for %d writes", n, writes)
		}
		w.write("a", writes+2, 500)
		synctest.Wait()
		for i, out := range outs {
			if out.err != nil || out.last != writes+501 {
				t.Fatalf("watcher %d is at %d: %v", i, out.last, out.err)
			}
		}
		for _, stop := range stops {
			_ = stop()
		}
		f := w.frames
		if len(f.lines) != 0 || f.kept.Len() != 0 || f.bytes != 0 || f.held.Load() != 0 {
			t.Errorf("%d lines, %d frames of %d bytes, %d held", len(f.lines), f.kept.Len(), f.bytes, f.held.Load())
		}
	})
}

// Sessions share nothing if any option that affects reading or rendering
// differs.
func TestLineKeys(t *testing.T) {
	eq, err := record.NewMatch("Eq", "a*")
	must(t, err)
	glob, err := record.NewMatch("Glob", "a*")
	must(t, err)
	changes := []func(*Options){
		func(*Options) {},
		func(o *Options) { o.Match = &eq },
		func(o *Options) { o.Match = &glob },
		func(o *Options) { o.Nodes = []string{"a", "b"} },
		func(o *Options) { o.Nodes = []string{"ab"} },
		func(o *Options) { o.Nodes = []string{"a\x00b"} },
		func(o *Options) { o.Nodes = []string{"a\x01b"} },
		func(o *Options) { o.Nodes = []string{""} },
		func(o *Options) { o.Limit++ },
		func(o *Options) { o.MaxBytes++ },
		func(o *Options) { o.Meta = !o.Meta },
		func(o *Options) { o.Tags = !o.Tags },
		func(o *Options) { o.Data = !o.Data },
		func(o *Options) { o.Strong = !o.Strong },
	}
	seen := map[lineKey]int{}
	for i, change := range changes {
		o := plain()
		change(&o)
		if j, ok := seen[keyOf("a", &o)]; ok {
			t.Errorf("options %d and %d share", i, j)
		}
		seen[keyOf("a", &o)] = i
	}
	a, b := plain(), plain()
	a.Nodes, b.Nodes, b.Heartbeat = []string{"x", "y"}, []string{"y", "x", "y"}, 1
	if keyOf("a", &a) != keyOf("a", &b) || keyOf("a", &a) == keyOf("b", &a) {
		t.Error("the same nodes, or another topic")
	}
}

// A frame that was rendered before a deletion is not sent after it.
func TestStaleFrames(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.append("a", record.Record{Data: []byte("1"), Tag: []byte("x")}, record.Record{Data: []byte("2")})
		o := plain()
		l, other := w.frames.acquire("a", &o), w.frames.acquire("a", &o)
		defer w.frames.release(l)
		defer w.frames.release(other)
		before, err := l.next(t.Context(), 0, nil)
		must(t, err)
		_, err = w.DeleteRecords(context.Background(), "a", &topics.Deletion{Match: must1(record.ParseMatch("x"))})
		must(t, err)
		after, err := other.next(t.Context(), 0, nil)
		must(t, err)
		if before.frame.Count != 2 || after.frame.Count != 1 || after.next != 2 {
			t.Errorf("%s, then %s", before.frame.Body, after.frame.Body)
		}
		again, err := l.next(t.Context(), 0, nil)
		if err != nil || again.frame != after.frame || w.reads.Load() != 2 {
			t.Errorf("%d reads, %v", w.reads.Load(), err)
		}
	})
}

func must1[T any](v T, err error) *T {
	if err != nil {
		panic(err)
	}
	return &v
}

// A client that takes nothing holds one frame and does not disturb others; when
// it continues, it gets what was written meanwhile in large frames.
func TestSlowClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		slow, stuck := w.session(plain())
		quick, out := w.session(plain())
		defer slow.Close()
		defer quick.Close()
		stuck.hold = make(chan struct{})
		for _, s := range []*Session{slow, quick} {
			_, err := s.Add("a", Start{})
			must(t, err)
		}
		stopSlow, stop := slow.run(stuck), quick.run(out)
		out.want(t, "records a 0-1/1", "caught-up a 1")
		for i := range 250 {
			w.write("a", i+2, 1)
			synctest.Wait()
		}
		if n := strings.Count(out.take(), "records"); n != 250 {
			t.Errorf("the quick one got %d frames", n)
		}
		if held := w.frames.held.Load(); held == 0 || held > 200 {
			t.Errorf("%d bytes are held", held)
		}
		close(stuck.hold)
		stuck.want(t, "records a 0-1/1", "caught-up a 1", "records a 1-101/251", "records a 101-201/251",
			"records a 201-251/251", "caught-up a 251")
		_ = stopSlow()
		_ = stop()
	})
}

// A session that waits for another one's read survives when that one leaves.
func TestAbandonedRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		o := plain()
		l, other := w.frames.acquire("a", &o), w.frames.acquire("a", &o)
		defer w.frames.release(l)
		defer w.frames.release(other)
		s, mine := w.frames.claim(l, 0, 1)
		if !mine {
			t.Fatal("the slot is taken")
		}
		got := make(chan reading)
		go func() {
			r, err := other.next(t.Context(), 0, nil)
			if err != nil {
				t.Error(err)
			}
			got <- r
		}()
		synctest.Wait()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		w.refuseNext(&record.Error{Kind: record.KindClosed, Message: "gone"})
		if _, err := l.fill(gone, s, 0); err == nil {
			t.Error("no error")
		}
		if r := <-got; r.frame == nil || r.next != 1 {
			t.Errorf("%+v", r)
		}
	})
}

// A reading is not cached if its topic leaves the session during the read or
// just before.
func TestReadOfRemovedTopic(t *testing.T) {
	for _, before := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			w.write("a", 1, 1)
			o := plain()
			l, other := w.frames.acquire("a", &o), w.frames.acquire("a", &o)
			release := func() {
				w.frames.release(l)
				w.frames.release(other)
			}
			if before {
				release()
			}
			s, _ := w.frames.claim(l, 0, 1)
			if !before {
				release()
			}
			if r, err := l.fill(t.Context(), s, 0); err != nil || r.frame == nil {
				t.Errorf("%+v, %v", r, err)
			}
			if n := len(l.slots) + len(w.frames.lines) + w.frames.kept.Len() + w.frames.bytes; n != 0 {
				t.Errorf("%d slots, %d bytes are left", len(l.slots), w.frames.bytes)
			}
		})
	}
}

// Sessions share a line as long as any of them is running, in whatever order
// they come and go.
func TestLineOutlivesItsFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		o := plain()
		first, second := w.frames.acquire("a", &o), w.frames.acquire("a", &o)
		if _, err := first.next(t.Context(), 0, nil); err != nil {
			t.Fatal(err)
		}
		w.frames.release(first)
		third := w.frames.acquire("a", &o)
		if r, err := third.next(t.Context(), 0, nil); err != nil || r.frame == nil || third != second || w.reads.Load() != 1 {
			t.Errorf("%+v, %v, %d reads", r, err, w.reads.Load())
		}
		w.frames.release(second)
		w.frames.release(third)
		if len(w.frames.lines) != 0 || w.frames.kept.Len() != 0 || w.frames.bytes != 0 {
			t.Errorf("%d lines, %d bytes are left", len(w.frames.lines), w.frames.bytes)
		}
	})
}

// A short frame at the cursor of a client that is far behind is read again, and
// is no longer counted.
func TestShortFrameIsReplaced(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.write("a", 1, 1)
		o := plain()
		l, other := w.frames.acquire("a", &o), w.frames.acquire("a", &o)
		for _, want := range []uint64{1, 50} {
			r, err := l.next(t.Context(), 0, nil)
			if err != nil || r.next != want {
				t.Errorf("%+v, %v, want %d", r, err, want)
			}
			if w.frames.kept.Len() != 1 || len(l.slots) != 1 {
				t.Errorf("%d frames in %d slots", w.frames.kept.Len(), len(l.slots))
			}
			w.write("a", 2, 49)
		}
		stale := l.slots[0]
		w.frames.forget(0, stale)
		w.frames.forget(0, stale) // another session may have dropped it as stale
		if w.frames.bytes != 0 {
			t.Errorf("%d bytes of nothing", w.frames.bytes)
		}
		w.frames.release(l)
		w.frames.release(other)
	})
}
