package topics

import "testing"

// What is not followed any more is forgotten, and nothing else is mistaken for
// it.
func TestUnfollowKeepsTheOthers(t *testing.T) {
	w := newWorld(t)
	f := NewFollower()
	for _, name := range []string{"a", "b"} {
		w.write(name, 1)
		w.follow(f, name)
	}
	w.FollowPrefix(f, "p-", 1)
	w.write("a", 1)
	w.write("b", 1)
	w.Deliver()
	w.Unfollow(f, "a")
	w.moves(f, Movement{Topic: "b"})
	w.write("b", 1)
	w.Deliver()
	w.follow(f, "a")
	w.write("a", 1)
	w.write("b", 1)
	w.moves(f, Movement{Topic: "b"}, Movement{Topic: "a"})
	w.write("a", 1)
	w.write("b", 1)
	w.Deliver()
	w.Unfollow(f, "a")
	w.follow(f, "a")
	w.write("a", 1)
	w.moves(f, Movement{Topic: "b"}, Movement{Topic: "a"})
	w.Leave(f)
	w.followsNothing()
}
