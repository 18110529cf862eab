package topics

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
)

// TestWritersDoNotWaitForFollowers holds that a write needs nothing that is held
// while followers are told, and is in line once.
func TestWritersDoNotWaitForFollowers(t *testing.T) {
	w := newWorld(t)
	w.write("a", 1)
	w.write("c", 1)
	f := NewFollower()
	w.follow(f, "a")
	w.FollowPrefix(f, "b", 0)
	w.following.telling.Lock()
	w.deliveries.step.Lock()
	f.mu.Lock()
	for range 10 {
		w.write("a", 1)
		w.write("b", 1)
		w.write("c", 1)
	}
	w.delete("b", false)
	if n := len(w.deliveries.line); n != 2 {
		t.Errorf("%d topics in line, want a and b", n)
	}
	f.mu.Unlock()
	w.deliveries.step.Unlock()
	w.following.telling.Unlock()
	w.moves(f, Movement{Topic: "b", Deleted: true, Head: 10}, Movement{Topic: "a"})
}

// TestManyFollowers holds the two ends: one topic that everybody follows, and
// everybody with a topic of their own.
func TestManyFollowers(t *testing.T) {
	const n = 10_000
	w := newWorld(t, func(w *world) { w.wal.FileBytes = 8 << 20 })
	followers := make([]*Follower, n)
	w.write("all", 1)
	for i := range followers {
		followers[i] = NewFollower()
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
		w.Unfollow(f, "all")
		if _, err := w.Begin(context.Background(), name(i), &Write{Records: records(1), Config: class(record.Memory)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.log.WaitSynced(w.log.Tail()); err != nil {
		t.Fatal(err)
	}
	for i, f := range followers {
		if err := w.publish(w.lookup(name(i)).line.commits[0], nil); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			w.follow(f, name(i))
		} else {
			w.FollowPrefix(f, name(i), 1)
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
		if len(got) == 0 || i%2 == 0 && len(got) > 1 || !slices.ContainsFunc(got, func(m Movement) bool { return m.Topic == name(i) }) {
			t.Fatalf("%d: %+v", i, got)
		}
		w.Leave(f)
	}
	w.followsNothing()
}

// TestFollowerGivesItsRoomBack holds that one that had much to take does not
// keep room for as much.
func TestFollowerGivesItsRoomBack(t *testing.T) {
	f := NewFollower()
	for i := range 1000 {
		f.tell(nil, fmt.Sprint(i), nil)
	}
	if got := f.Take(nil); len(got) != 1000 {
		t.Fatal(len(got))
	}
	if cap(f.pending) > keptMovements {
		t.Fatalf("room for %d", cap(f.pending))
	}
	f.tell(nil, "a", nil)
	if got := f.Take(nil); len(got) != 1 || got[0].Topic != "a" {
		t.Fatalf("%+v", got)
	}
}
