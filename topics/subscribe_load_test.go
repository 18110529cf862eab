package topics

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// TestWritersDoNotWaitForDelivery checks that writes and deletes need nothing that is
// held during a delivery, and that a topic is in line once.
func TestWritersDoNotWaitForDelivery(t *testing.T) {
	w := newWorld(t)
	w.write("a", 1)
	w.write("c", 1)
	f := w.NewSubscriber()
	w.follow(f, "a")
	w.SubscribePrefix(f, "b", 0)
	w.deliveries.step.Lock()
	for range 10 {
		w.write("a", 1)
		w.write("b", 1)
		w.write("c", 1)
	}
	w.delete("b", false)
	if n := len(w.deliveries.line); n != 2 {
		t.Errorf("%d topics in line, want a and b", n)
	}
	w.deliveries.step.Unlock()
	w.moves(f, follow.Event{Topic: "b", Deleted: true, Head: 10}, follow.Event{Topic: "a"})
}

// TestManyFollowers holds the two ends: one topic that everybody follows, and
// everybody with a topic of their own.
func TestManyFollowers(t *testing.T) {
	const n = 10_000
	w := newWorld(t, func(w *world) { w.wal.FileBytes = 8 << 20 })
	followers := make([]*follow.Subscriber, n)
	w.write("all", 1)
	for i := range followers {
		followers[i] = w.NewSubscriber()
		w.follow(followers[i], "all")
	}
	w.write("all", 1)
	w.Deliver()
	for _, f := range followers {
		if got := f.Take(nil); len(got) != 1 || got[0].Topic != "all" {
			t.Fatalf("%+v", got)
		}
	}
	name := func(i int) string { return fmt.Sprint("one-", i) }
	for i, f := range followers {
		f.Unsubscribe("all")
		if _, err := w.Begin(context.Background(), name(i), &topic.Write{Records: records(1), Config: class(record.Memory)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.shared.Log.WaitSynced(w.shared.Log.Tail()); err != nil {
		t.Fatal(err)
	}
	for i, f := range followers {
		if err := w.catalog.Lookup(name(i)).Line.Commits[0].Publish(nil); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			w.follow(f, name(i))
		} else {
			w.SubscribePrefix(f, name(i), 1)
		}
	}
	for i := range followers {
		w.write(name(i), 1)
	}
	began := time.Now()
	w.Deliver()
	t.Logf("%d topics delivered in %v", n, time.Since(began))
	for i, f := range followers {
		got := f.Take(nil)
		if len(got) == 0 || i%2 == 0 && len(got) > 1 || !slices.ContainsFunc(got, func(m follow.Event) bool { return m.Topic == name(i) }) {
			t.Fatalf("%d: %+v", i, got)
		}
		f.Close()
	}
	w.followsNothing()
}
