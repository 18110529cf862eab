package topics

import (
	"runtime"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/router"
)

// TestChangesDuringDelivery checks that a topic whose delivery is under way comes in
// line again when it changes.
func TestChangesDuringDelivery(t *testing.T) {
	w := newWorld(t)
	w.write("a", 1)
	w.write("b", 1)
	w.connect("r", "a", "b")
	w.Deliver()
	f := w.NewSubscriber()
	w.follow(f, "a")
	w.write("a", 1)
	source := w.catalog.Lookup("a")
	routes := router.RoutesOf(source)
	held, release := make(chan struct{}), make(chan struct{})
	go func() { // the delivery gets no further
		routes.Mu.Lock()
		close(held)
		<-release
		routes.Mu.Unlock()
	}()
	<-held
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Deliver()
	}()
	for source.Queued.Load() {
		runtime.Gosched()
	}
	w.write("a", 1)
	w.deliveries.mu.Lock()
	n := len(w.deliveries.line)
	w.deliveries.mu.Unlock()
	close(release)
	<-done
	if n != 1 {
		t.Fatalf("%d topics in line", n)
	}
	w.moves(f, follow.Event{Topic: "a"})
}

// TestNothingIsToldOfTheDead checks that the last event of a topic is its deletion,
// although it was in line for other changes.
func TestNothingIsToldOfTheDead(t *testing.T) {
	w := newWorld(t)
	w.write("a", 1)
	f := w.NewSubscriber()
	w.follow(f, "a")
	w.write("a", 1)
	w.delete("a", false)
	w.subscriptions.Flush()
	if got := f.Take(nil); !slices.Equal(got, []follow.Event{{Topic: "a", Deleted: true, Head: 2}}) {
		t.Fatalf("%+v", got)
	}
	w.moves(f)
}
