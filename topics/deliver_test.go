package topics

import (
	"runtime"
	"slices"
	"testing"
)

// TestWhatMovesWhileItIsDelivered holds that a topic that is being told of
// comes in line again when it moves meanwhile.
func TestWhatMovesWhileItIsDelivered(t *testing.T) {
	w := newWorld(t)
	w.write("a", 1)
	f := NewFollower()
	w.follow(f, "a")
	w.write("a", 1)
	f.mu.Lock() // so long is it being told
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Deliver()
	}()
	for w.following.telling.TryLock() {
		w.following.telling.Unlock()
		runtime.Gosched()
	}
	w.write("a", 1)
	w.deliveries.mu.Lock()
	n := len(w.deliveries.line)
	w.deliveries.mu.Unlock()
	f.mu.Unlock()
	<-done
	if n != 1 {
		t.Fatalf("%d topics in line", n)
	}
	w.moves(f, Movement{Topic: "a"})
}

// TestNothingIsToldOfTheDead holds that a topic's last movement is that it was
// deleted, though it was in line with others.
func TestNothingIsToldOfTheDead(t *testing.T) {
	w := newWorld(t)
	w.write("a", 1)
	f := NewFollower()
	w.follow(f, "a")
	w.write("a", 1)
	w.delete("a", false)
	w.tellBirths()
	if got := f.Take(nil); !slices.Equal(got, []Movement{{Topic: "a", Deleted: true, Head: 2}}) {
		t.Fatalf("%+v", got)
	}
	w.moves(f)
}

// TestTakeWaitsForFollow holds that nothing is to be had while a Follow is
// under way, and that the follower is woken when it is not.
func TestTakeWaitsForFollow(t *testing.T) {
	f := NewFollower()
	f.join()
	f.join()
	f.tell(nil, "a", nil)
	<-f.Moved()
	f.joined()
	if got := f.Take(nil); got != nil {
		t.Fatalf("%+v", got)
	}
	f.joined()
	select {
	case <-f.Moved():
	default:
		t.Fatal("not woken")
	}
	if got := f.Take(nil); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	f.join()
	f.joined()
	if len(f.Moved()) > 0 {
		t.Fatal("woken for nothing")
	}
}

// TestSettle holds what a follower that just learned of topic 5 keeps of what
// it was told.
func TestSettle(t *testing.T) {
	for _, c := range []struct {
		name  string
		told  []birth
		after Movement
	}{
		{"records", nil, Movement{Topic: "a"}},
		{"its creation", []birth{{id: 5}}, Movement{Topic: "a"}},
		{"the end of the one before", []birth{{id: 4, deleted: true, head: 7}}, Movement{Topic: "a"}},
		{"both", []birth{{id: 4, deleted: true, head: 7}, {id: 5}}, Movement{Topic: "a"}},
		{"its end", []birth{{id: 5}, {id: 5, deleted: true, head: 7}}, Movement{Topic: "a", Deleted: true, Head: 7}},
		{"the next one", []birth{{id: 5, deleted: true, head: 7}, {id: 6}}, Movement{Topic: "a", Deleted: true, Created: true, Head: 7}},
	} {
		f := NewFollower()
		f.settle("a", 5)
		f.tell(nil, "a", nil)
		for i := range c.told {
			f.tell(nil, "a", &c.told[i])
		}
		f.settle("a", 5)
		f.settle("b", 5)
		if got := f.Take(nil); !slices.Equal(got, []Movement{c.after}) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.after)
		}
	}
}
