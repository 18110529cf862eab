package topics

import (
	"testing"

	"github.com/e6e95bb8/topics/topics/follow"
)

// What is not followed any more is forgotten, and nothing else is mistaken for
// it.
func TestUnfollowKeepsTheOthers(t *testing.T) {
	w := newWorld(t)
	f := w.NewSubscriber()
	for _, name := range []string{"a", "b"} {
		w.write(name, 1)
		w.follow(f, name)
	}
	w.SubscribePrefix(f, "p-", 1)
	w.write("a", 1)
	w.write("b", 1)
	w.Deliver()
	f.Unsubscribe("a")
	w.moves(f, follow.Event{Topic: "b"})
	w.write("b", 1)
	w.Deliver()
	w.follow(f, "a")
	w.write("a", 1)
	w.write("b", 1)
	w.moves(f, follow.Event{Topic: "b"}, follow.Event{Topic: "a"})
	w.write("a", 1)
	w.write("b", 1)
	w.Deliver()
	f.Unsubscribe("a")
	w.follow(f, "a")
	w.write("a", 1)
	w.moves(f, follow.Event{Topic: "b"}, follow.Event{Topic: "a"})
	f.Close()
	w.followsNothing()
}
