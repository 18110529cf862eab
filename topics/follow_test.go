package topics

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
)

// moved delivers and takes what there is.
func (w *world) moved(f *Follower) []Movement {
	w.t.Helper()
	w.Deliver()
	return f.Take(nil)
}

// moves holds what there is to take, after a delivery.
func (w *world) moves(f *Follower, want ...Movement) {
	w.t.Helper()
	select {
	case <-f.Moved():
	default:
		w.Deliver()
		select {
		case <-f.Moved():
		default:
			if len(want) > 0 {
				w.t.Fatalf("not woken for %+v", want)
			}
		}
	}
	if got := w.moved(f); !slices.Equal(got, want) {
		w.t.Fatalf("moved %+v, want %+v", got, want)
	}
}

func (w *world) follow(f *Follower, name string) State {
	w.t.Helper()
	s, err := w.Follow(f, name)
	if err != nil {
		w.t.Fatalf("follow %s: %v", name, err)
	}
	return s
}

// followsNothing holds that nothing is left of followers.
func (w *world) followsNothing() {
	w.t.Helper()
	s := &w.following
	if len(s.names)+len(s.prefixes)+len(s.lengths) > 0 || s.any.Load() {
		w.t.Fatalf("left: %v %v %v", s.names, s.prefixes, s.lengths)
	}
}

func TestFollow(t *testing.T) {
	w := newWorld(t)
	w.write("a", 2)
	w.write("b", 1)
	f := NewFollower()
	if s := w.follow(f, "a"); s.Name != "a" || s.Head != 2 || s != w.state("a") {
		t.Fatalf("%+v", s)
	}
	w.moves(f)
	w.write("a", 1)
	w.write("b", 1)
	w.write("a", 1)
	if len(f.Take(nil)) > 0 {
		t.Fatal("told before the delivery")
	}
	w.moves(f, Movement{Topic: "a"})
	w.moves(f)
	w.write("a", 1)
	w.Deliver()
	w.write("a", 1)
	w.moves(f, Movement{Topic: "a"})
	w.deleteRecords("a", 3, "") // what went is a movement, too
	w.moves(f, Movement{Topic: "a"})
	w.follow(f, "b")
	w.follow(f, "b")
	w.write("b", 1)
	w.write("a", 1)
	got := w.moved(f)
	if want := []Movement{{Topic: "b"}, {Topic: "a"}}; !slices.Equal(got, want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
	if got = f.Take(got); len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	w.Unfollow(f, "b")
	w.Unfollow(f, "c")
	w.write("b", 1)
	w.moves(f)
	w.Leave(f)
	w.write("a", 1)
	w.moves(f)
	w.followsNothing()
	if _, err := w.Follow(f, "a"); kindOf(err) != record.KindClosed {
		t.Fatal(err)
	}
	if page, more := w.FollowPrefix(f, "", 9); page != nil || more {
		t.Fatal("followed after it left")
	}
	w.followsNothing()
}

func TestFollowWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	f := NewFollower()
	if _, err := w.Follow(f, "a"); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	w.followsNothing()
	w.write("a", 1)
	w.moves(f)
}

func TestFollowedTopicGoesAndComesBack(t *testing.T) {
	w := newWorld(t)
	f, prefixed := NewFollower(), NewFollower()
	w.write("a", 3)
	w.follow(f, "a")
	w.FollowPrefix(prefixed, "", 9)
	both := func(want ...Movement) {
		t.Helper()
		w.moves(f, want...)
		w.moves(prefixed, want...)
	}
	w.write("a", 1)
	w.delete("a", false)
	both(Movement{Topic: "a", Deleted: true, Head: 4})
	if _, err := w.Follow(f, "a"); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	w.write("a", 1) // it had followed before, and goes on
	both(Movement{Topic: "a", Created: true})
	w.write("a", 1)
	both(Movement{Topic: "a"})
	w.delete("a", false)
	w.put("a", &record.ConfigPatch{})
	both(Movement{Topic: "a", Created: true, Deleted: true, Head: 2})
	w.write("a", 5)
	w.delete("a", false)
	w.write("a", 6)
	w.delete("a", false)
	both(Movement{Topic: "a", Deleted: true, Head: 6})
	w.write("a", 7)
	w.delete("a", false)
	both(Movement{Topic: "a", Deleted: true, Head: 7})
}

func TestFollowPrefix(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"ab:1", "ab:2", "ab:3", "a", "b"} {
		w.write(name, 1)
	}
	f := NewFollower()
	page, more := w.FollowPrefix(f, "ab:", 2)
	if len(page) != 2 || !more || page[0] != w.state("ab:1") || page[1] != w.state("ab:2") {
		t.Fatalf("%+v, %v", page, more)
	}
	if page, more = w.FollowPrefix(f, "ab:", 3); len(page) != 3 || more {
		t.Fatalf("%+v, %v", page, more)
	}
	for _, name := range []string{"ab:3", "a", "ab:", "b", "abc", "ab"} {
		w.write(name, 1)
	}
	w.moves(f, Movement{Topic: "ab:", Created: true}, Movement{Topic: "ab:3"})
	// A topic that two prefixes and its name bring is told of once.
	w.FollowPrefix(f, "a", 9)
	w.FollowPrefix(f, "ab", 9)
	w.follow(f, "ab")
	w.write("ab", 1)
	w.moves(f, Movement{Topic: "ab"})
	w.UnfollowPrefix(f, "ab")
	w.UnfollowPrefix(f, "ab")
	w.UnfollowPrefix(f, "zz")
	w.write("ab", 1)
	w.moves(f, Movement{Topic: "ab"})
	w.UnfollowPrefix(f, "a")
	w.write("abc", 1)
	w.moves(f)
	other := NewFollower()
	w.FollowPrefix(other, "", 0)
	w.write("z", 1)
	w.moves(other, Movement{Topic: "z", Created: true})
	w.moves(f)
	w.Leave(f)
	w.Leave(f)
	w.Leave(other)
	w.followsNothing()
}

// TestFollowKnowsWhatItReports holds that of a topic that Follow and
// FollowPrefix report as there, nothing is told that happened before.
func TestFollowKnowsWhatItReports(t *testing.T) {
	w := newWorld(t)
	w.write("a", 9)
	w.FollowPrefix(NewFollower(), "", 0) // so that births are noted
	w.delete("a", false)
	w.write("a", 2)
	w.write("b", 1)
	f, g := NewFollower(), NewFollower()
	w.follow(f, "a")
	w.FollowPrefix(g, "", 9)
	w.moves(f, Movement{Topic: "a"})
	w.moves(g, Movement{Topic: "a"}, Movement{Topic: "b"})

	// But who followed it before is told, whatever it asks for meanwhile.
	w.delete("a", false)
	w.write("a", 1)
	w.follow(g, "a")
	w.FollowPrefix(f, "a", 9)
	want := Movement{Topic: "a", Created: true, Deleted: true, Head: 2}
	w.moves(f, want)
	w.moves(g, want)

	// A birth that comes behind the report is told, though it was made before
	// the follower could take it.
	h := NewFollower()
	w.follow(h, "a")
	w.delete("a", false)
	w.write("a", 1)
	w.moves(h, Movement{Topic: "a", Created: true, Deleted: true, Head: 1})
}

// TestWhatWentWhileNobodyFollowed holds that a follower is not told that
// something was made that is gone by the time that it comes.
func TestWhatWentWhileNobodyFollowed(t *testing.T) {
	w := newWorld(t)
	f := NewFollower()
	w.FollowPrefix(f, "", 0)
	w.write("a", 1)
	w.UnfollowPrefix(f, "")
	f.Take(nil)
	w.delete("a", false)
	w.FollowPrefix(f, "", 0)
	w.moves(f)
	w.write("a", 1)
	w.moves(f, Movement{Topic: "a", Created: true})
}

// TestDeliveriesByPriority holds that what is urgent is told first, and that a
// topic's priority is what its config or its readers say.
func TestDeliveriesByPriority(t *testing.T) {
	w := newWorld(t)
	for i, p := range []int64{-1, 0, 250, 500, 750} {
		w.put(fmt.Sprint("p", i), &record.ConfigPatch{Priority: ptr(&p)})
	}
	w.put("read", &record.ConfigPatch{})
	w.put("unread", &record.ConfigPatch{})
	w.now += priorityUntil + 1
	w.State("read", true)
	f := NewFollower()
	w.FollowPrefix(f, "", 0)
	w.Deliver()
	f.Take(nil)
	for _, name := range []string{"p0", "unread", "p1", "p2", "read", "p3", "p4"} {
		w.write(name, 1)
	}
	var got []string
	for _, m := range w.moved(f) {
		got = append(got, m.Topic)
	}
	if want := []string{"p4", "read", "p3", "p2", "unread", "p0", "p1"}; !reflect.DeepEqual(got, want) {
		// unread and p1 share a band of weight 1, and p0's comes in between.
		t.Fatalf("%v, want %v", got, want)
	}
}
