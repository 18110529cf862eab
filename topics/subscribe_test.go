package topics

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// moved delivers and takes all events of f.
func (w *world) moved(f *follow.Subscriber) []follow.Event {
	w.t.Helper()
	w.Deliver()
	return f.Take(nil)
}

// moves checks the events of f after a delivery.
func (w *world) moves(f *follow.Subscriber, want ...follow.Event) {
	w.t.Helper()
	select {
	case <-f.Ready():
	default:
		w.Deliver()
		select {
		case <-f.Ready():
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

func (w *world) follow(f *follow.Subscriber, name string) topic.State {
	w.t.Helper()
	s, err := w.Subscribe(f, name)
	if err != nil {
		w.t.Fatalf("follow %s: %v", name, err)
	}
	return s
}

// followsNothing checks that no subscription is left.
func (w *world) followsNothing() {
	w.t.Helper()
	if !w.subscriptions.Empty() {
		w.t.Fatal("there are subscriptions left")
	}
}

func TestFollow(t *testing.T) {
	w := newWorld(t)
	w.write("a", 2)
	w.write("b", 1)
	f := w.NewSubscriber()
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
	w.moves(f, follow.Event{Topic: "a"})
	w.moves(f)
	w.write("a", 1)
	w.Deliver()
	w.write("a", 1)
	w.moves(f, follow.Event{Topic: "a"})
	w.deleteRecords("a", 3, "") // what went is a movement, too
	w.moves(f, follow.Event{Topic: "a"})
	w.follow(f, "b")
	w.follow(f, "b")
	w.write("b", 1)
	w.write("a", 1)
	got := w.moved(f)
	if want := []follow.Event{{Topic: "b"}, {Topic: "a"}}; !slices.Equal(got, want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
	if got = f.Take(got); len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	f.Unsubscribe("b")
	f.Unsubscribe("c")
	w.write("b", 1)
	w.moves(f)
	f.Close()
	w.write("a", 1)
	w.moves(f)
	w.followsNothing()
	if _, err := w.Subscribe(f, "a"); kindOf(err) != record.KindClosed {
		t.Fatal(err)
	}
	if page, more := w.SubscribePrefix(f, "", 9); page != nil || more {
		t.Fatal("followed after it left")
	}
	w.followsNothing()
}

func TestFollowWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	f := w.NewSubscriber()
	if _, err := w.Subscribe(f, "a"); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	w.followsNothing()
	w.write("a", 1)
	w.moves(f)
}

func TestFollowedTopicGoesAndComesBack(t *testing.T) {
	w := newWorld(t)
	f, prefixed := w.NewSubscriber(), w.NewSubscriber()
	w.write("a", 3)
	w.follow(f, "a")
	w.SubscribePrefix(prefixed, "", 9)
	both := func(want ...follow.Event) {
		t.Helper()
		w.moves(f, want...)
		w.moves(prefixed, want...)
	}
	w.write("a", 1)
	w.delete("a", false)
	both(follow.Event{Topic: "a", Deleted: true, Head: 4})
	if _, err := w.Subscribe(f, "a"); kindOf(err) != record.KindNotFound {
		t.Fatal(err)
	}
	w.write("a", 1) // it had followed before, and goes on
	both(follow.Event{Topic: "a", Created: true})
	w.write("a", 1)
	both(follow.Event{Topic: "a"})
	w.delete("a", false)
	w.put("a", &record.ConfigPatch{})
	both(follow.Event{Topic: "a", Created: true, Deleted: true, Head: 2})
	w.write("a", 5)
	w.delete("a", false)
	w.write("a", 6)
	w.delete("a", false)
	both(follow.Event{Topic: "a", Deleted: true, Head: 6})
	w.write("a", 7)
	w.delete("a", false)
	both(follow.Event{Topic: "a", Deleted: true, Head: 7})
}

func TestFollowPrefix(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"ab:1", "ab:2", "ab:3", "a", "b"} {
		w.write(name, 1)
	}
	f := w.NewSubscriber()
	page, more := w.SubscribePrefix(f, "ab:", 2)
	if len(page) != 2 || !more || page[0] != w.state("ab:1") || page[1] != w.state("ab:2") {
		t.Fatalf("%+v, %v", page, more)
	}
	if page, more = w.SubscribePrefix(f, "ab:", 3); len(page) != 3 || more {
		t.Fatalf("%+v, %v", page, more)
	}
	for _, name := range []string{"ab:3", "a", "ab:", "b", "abc", "ab"} {
		w.write(name, 1)
	}
	w.moves(f, follow.Event{Topic: "ab:", Created: true}, follow.Event{Topic: "ab:3"})
	// A topic that two prefixes and its name cover has one event.
	w.SubscribePrefix(f, "a", 9)
	w.SubscribePrefix(f, "ab", 9)
	w.follow(f, "ab")
	w.write("ab", 1)
	w.moves(f, follow.Event{Topic: "ab"})
	f.UnsubscribePrefix("ab")
	f.UnsubscribePrefix("ab")
	f.UnsubscribePrefix("zz")
	w.write("ab", 1)
	w.moves(f, follow.Event{Topic: "ab"})
	f.UnsubscribePrefix("a")
	w.write("abc", 1)
	w.moves(f)
	other := w.NewSubscriber()
	w.SubscribePrefix(other, "", 0)
	w.write("z", 1)
	w.moves(other, follow.Event{Topic: "z", Created: true})
	w.moves(f)
	f.Close()
	f.Close()
	other.Close()
	w.followsNothing()
}

// TestFollowKnowsWhatItReports holds that of a topic that Follow and
// FollowPrefix report as there, no event comes that happened before.
func TestFollowKnowsWhatItReports(t *testing.T) {
	w := newWorld(t)
	w.write("a", 9)
	w.SubscribePrefix(w.NewSubscriber(), "", 0) // so that births are noted
	w.delete("a", false)
	w.write("a", 2)
	w.write("b", 1)
	f, g := w.NewSubscriber(), w.NewSubscriber()
	w.follow(f, "a")
	w.SubscribePrefix(g, "", 9)
	w.moves(f, follow.Event{Topic: "a"})
	w.moves(g, follow.Event{Topic: "a"}, follow.Event{Topic: "b"})

	// But an earlier subscriber gets the event, whatever it asks for meanwhile.
	w.delete("a", false)
	w.write("a", 1)
	w.follow(g, "a")
	w.SubscribePrefix(f, "a", 9)
	want := follow.Event{Topic: "a", Created: true, Deleted: true, Head: 2}
	w.moves(f, want)
	w.moves(g, want)

	// A creation after the report has an event, though it was made before
	// the follower could take it.
	h := w.NewSubscriber()
	w.follow(h, "a")
	w.delete("a", false)
	w.write("a", 1)
	w.moves(h, follow.Event{Topic: "a", Created: true, Deleted: true, Head: 1})
}

// TestWhatWentWhileNobodyFollowed checks that a subscriber gets no event that
// something was made that is gone by the time that it comes.
func TestWhatWentWhileNobodyFollowed(t *testing.T) {
	w := newWorld(t)
	f := w.NewSubscriber()
	w.SubscribePrefix(f, "", 0)
	w.write("a", 1)
	f.UnsubscribePrefix("")
	f.Take(nil)
	w.delete("a", false)
	w.SubscribePrefix(f, "", 0)
	w.moves(f)
	w.write("a", 1)
	w.moves(f, follow.Event{Topic: "a", Created: true})
}

// TestDeliveriesByPriority holds that urgent topics come first, and that a
// topic's priority is what its config or its readers say.
func TestDeliveriesByPriority(t *testing.T) {
	w := newWorld(t)
	for i, p := range []int64{-1, 0, 250, 500, 750} {
		w.put(fmt.Sprint("p", i), &record.ConfigPatch{Priority: ptr(&p)})
	}
	w.put("read", &record.ConfigPatch{})
	w.put("unread", &record.ConfigPatch{})
	w.now += topic.PriorityUntil + 1
	w.State("read", true)
	f := w.NewSubscriber()
	w.SubscribePrefix(f, "", 0)
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
