package topics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"go.uber.org/goleak"
)

// all reads a topic to its end.
func (w *world) all(name string) (all []record.Record) {
	w.t.Helper()
	for from := uint64(0); ; {
		b := w.query(name, &topic.Query{From: from, Limit: 1000, MaxBytes: 1 << 20})
		if all = append(all, b.Records...); b.NextFrom == b.Head {
			return all
		}
		from = b.NextFrom
	}
}

// TestConcurrentRouters holds that routers, with everything that can go on
// beside them, bring each record once and in its writer's order, and that a
// read at a destination sees what was acknowledged at the source before.
func TestConcurrentRouters(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWorld(t, stored(100), func(w *world) { w.wal.Manual = false })
	w.RunSweeper()
	c := &crowd{world: w, failed: make(chan error, 1)}
	ctx := context.Background()
	const writers, each = 3, 150
	w.put("a", class(record.Disk))
	w.put("b", class(record.Fsync))
	w.connect("ab", "a", "b")
	w.connect("bc", "b", "c", func(s *router.Spec) { s.AllowCycle = true })
	w.connect("ca", "c", "a", func(s *router.Spec) { s.AllowCycle = true })
	w.connect("ax", "a", "x", func(s *router.Spec) { s.Filter = matches(t, "1/*") })
	var writing sync.WaitGroup
	for id := range writers {
		writing.Add(1)
		c.run(func() error {
			defer writing.Done()
			for i := range each {
				text := fmt.Appendf(nil, "%d/%d", id, i)
				if _, err := w.Append(ctx, "a", &topic.Write{Records: []record.Record{{Data: text, Tag: text}}, DisableBackpressure: true}); err != nil {
					return err
				}
				if i%10 > 0 {
					continue
				}
				m := &record.Match{Value: string(text)}
				began := time.Now()
				b, err := w.Read(ctx, "c", &topic.Query{Limit: 10, MaxBytes: 1 << 20, Match: m})
				if err != nil {
					return err
				}
				if late := time.Since(began) >= catchUpWait; len(b.Records) != 1 && !late {
					return fmt.Errorf("%s was acknowledged, and at the destination are %d of it", text, len(b.Records))
				}
			}
			return nil
		})
	}
	var done atomic.Bool
	c.run(func() error { writing.Wait(); done.Store(true); return nil })
	c.run(func() error { // routers and topics that come and go
		for i := 0; !done.Load(); i++ {
			if _, err := w.routing.PutRouter(ctx, "brief", specOf("a", fmt.Sprint("d", i%3))); err != nil {
				return err
			}
			if i%2 == 0 {
				if _, err := w.Delete(ctx, fmt.Sprint("d", i%3), false); err != nil {
					return err
				}
			} else if _, _, err := w.routing.DeleteRouter(ctx, "brief"); err != nil {
				return err
			}
		}
		return nil
	})
	c.run(func() error {
		for !done.Load() {
			w.routing.Routers("", "", "", "", 10)
			w.routing.Routers("", "a", "", "", 10)
			if _, err := w.routing.Router("ab"); err != nil {
				return err
			}
			w.Stuck(0)
			w.Totals()
		}
		return nil
	})
	for !done.Load() {
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
		for _, name := range []string{"a", "b", "c"} {
			if s := w.state(name); s.Count != writers*each {
				t.Fatalf("%s has %d records", name, s.Count)
			}
			next := map[string]int{}
			for _, r := range w.all(name) {
				var id string
				var i int
				if _, err := fmt.Sscanf(string(r.Data), "%1s/%d", &id, &i); err != nil || i != next[id] {
					t.Fatalf("%s: %s comes when %d is next, %v", name, r.Data, next[id], err)
				}
				next[id]++
			}
		}
		if s := w.state("x"); s.Count != each {
			t.Fatalf("x has %d records", s.Count)
		}
	}
	w.read("c", 0)
	w.read("x", 0)
	check()
	w.restart()
	check()
	if err := errors.Join(w.Close(ctx), w.shared.Log.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestCloseWhileForwarding holds that an end in the midst of forwarding leaves
// nothing running, and that the next start goes on where it was.
func TestCloseWhileForwarding(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWorld(t, func(w *world) { w.wal.Manual = false })
	w.put("a", class(record.Memory))
	w.connect("ab", "a", "b")
	sent := 0
	for range 5 {
		w.RunSweeper()
		for range 200 {
			w.append("a", &topic.Write{Records: []record.Record{{Data: fmt.Append(nil, sent)}}, DisableBackpressure: true})
			sent++
		}
		w.restart()
	}
	w.Forward(context.Background())
	for i, r := range w.all("b") {
		if string(r.Data) != fmt.Sprint(i) {
			t.Fatalf("%s at %d", r.Data, r.Seq)
		}
	}
	if n := w.state("b").Count; n != int64(sent) {
		t.Fatalf("%d of %d are there", n, sent)
	}
	if err := errors.Join(w.Close(context.Background()), w.shared.Log.Close()); err != nil {
		t.Fatal(err)
	}
}

// A read that waits for news for less than a router takes has what its client
// wrote to the source all the same.
func TestShortWaitSeesOwnWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.wal.Manual = false })
		w.connect("ab", "a", "b")
		w.RunSweeper()
		for range router.MaxForwarders { // others are at it
			w.forwarders.Slots <- struct{}{}
		}
		w.send("a", "1")
		var others sync.WaitGroup
		others.Go(func() {
			time.Sleep(catchUpWait / 2)
			for range router.MaxForwarders {
				<-w.forwarders.Slots
			}
		})
		if b := w.query("b", &topic.Query{Limit: 1, MaxBytes: 1, Wait: time.Millisecond}); len(b.Records) != 1 {
			t.Errorf("%d records", len(b.Records))
		}
		others.Wait()
		if err := errors.Join(w.Close(context.Background()), w.shared.Log.Close()); err != nil {
			t.Fatal(err)
		}
	})
}
