package follow

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// directory is the topics that exist, with their ids.
type directory map[string]uint64

func (d directory) hub() *Hub {
	return NewHub(func(prefix string, f func(name string, id uint64)) {
		for _, name := range slices.Sorted(maps.Keys(d)) {
			if strings.HasPrefix(name, prefix) {
				f(name, d[name])
			}
		}
	})
}

// list returns all topics, for SubscribePrefix.
func (d directory) list() (all []Topic) {
	for name, id := range d {
		all = append(all, Topic{name, id})
	}
	return all
}

func newSubscriber() *Subscriber { return directory{}.hub().NewSubscriber() }

func present() bool { return true }

// TestTakeWaitsForSubscribe checks that there is nothing to take while a Subscribe is
// under way, and that the subscriber is ready when it ends.
func TestTakeWaitsForSubscribe(t *testing.T) {
	s := newSubscriber()
	s.begin()
	s.begin()
	s.notifyLocked("a", nil)
	<-s.Ready()
	s.end()
	if got := s.Take(nil); got != nil {
		t.Fatalf("%+v", got)
	}
	s.end()
	select {
	case <-s.Ready():
	default:
		t.Fatal("not ready")
	}
	if got := s.Take(nil); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	s.begin()
	s.end()
	if len(s.Ready()) > 0 {
		t.Fatal("ready for nothing")
	}
}

// TestWake checks that each signal calls the function instead of sending to Ready, when
// there is something to take, until there is no function any more.
func TestWake(t *testing.T) {
	s := newSubscriber()
	calls := 0
	s.Wake(func() {
		calls++
		if len(s.pending) != min(calls, 2) || len(s.Ready()) != 0 {
			t.Errorf("call %d: %d events, %d in the channel", calls, len(s.pending), len(s.Ready()))
		}
	})
	s.notifyLocked("a", nil)
	s.notifyLocked("b", nil)
	s.begin()
	s.end() // with something to take
	if calls != 3 {
		t.Errorf("%d calls", calls)
	}
	s.Wake(nil)
	s.notifyLocked("c", nil)
	if calls != 3 || len(s.Ready()) != 1 || len(s.Take(nil)) != 3 {
		t.Errorf("%d calls after the end", calls)
	}
}

// TestQuiet checks that a quiet subscriber gets events of what is created and deleted, and
// none of what has changed, until it is not quiet any more.
func TestQuiet(t *testing.T) {
	s := newSubscriber()
	for _, quiet := range []bool{true, false} {
		s.Quiet(quiet)
		s.notifyLocked("a", nil)
		s.notifyLocked("b", &Lifecycle{Topic: "b", ID: 2})
		s.notifyLocked("c", &Lifecycle{Topic: "c", ID: 1, Deleted: true})
		got := s.Take(nil)
		want := []Event{{Topic: "a"}, {Topic: "b", Created: true}, {Topic: "c", Deleted: true}}
		if quiet {
			want = want[1:]
		}
		if !slices.Equal(got, want) {
			t.Errorf("quiet %t: %+v", quiet, got)
		}
	}
}

// TestRelaysAreNotCounted checks that a relay gets events, and is no subscription.
func TestRelaysAreNotCounted(t *testing.T) {
	h := directory{}.hub()
	found := func() (uint64, error) { return 1, nil }
	relay, other := h.NewRelay(), h.NewSubscriber()
	want := func(n, relays int) {
		t.Helper()
		if got := h.Covering("a"); got != n || len(h.relays) != relays {
			t.Errorf("%d subscriptions, %d topics with relays, want %d and %d", got, len(h.relays), n, relays)
		}
	}
	for range 2 {
		for range 2 { // the second is one too many
			if err := relay.Subscribe("a", found); err != nil {
				t.Fatal(err)
			}
			want(0, 1)
		}
		if err := other.Subscribe("a", found); err != nil {
			t.Fatal(err)
		}
		want(1, 1)
		h.Notify("a", present)
		if got := relay.Take(nil); len(got) != 1 {
			t.Errorf("a relay gets %+v", got)
		}
		relay.Unsubscribe("a")
		relay.Unsubscribe("a")
		want(1, 0)
		other.Unsubscribe("a")
		want(0, 0)
	}
	if err := relay.Subscribe("a", found); err != nil {
		t.Fatal(err)
	}
	relay.Close()
	want(0, 0)
}

// TestEachTopicHasOneEvent checks that a topic whose event was not taken yet gets no
// second one, however many there are, and after some were discarded.
func TestEachTopicHasOneEvent(t *testing.T) {
	s := newSubscriber()
	names := make([]string, 4*fewEvents)
	for i := range names {
		names[i] = fmt.Sprint(i)
		s.names[names[i]] = struct{}{}
	}
	notify := func(names []string) {
		for range 2 {
			for _, name := range names {
				s.notifyLocked(name, nil)
			}
		}
	}
	want := func(names []string) {
		t.Helper()
		events := make([]Event, len(names))
		for i := range names {
			events[i].Topic = names[i]
		}
		if got := s.Take(nil); !slices.Equal(got, events) {
			t.Fatalf("%+v, want %+v", got, events)
		}
	}
	for n := range names {
		notify(names[:n])
		want(names[:n])
		for left := range n {
			notify(names[:n])
			for _, name := range names[left:n] {
				delete(s.names, name)
			}
			s.discardUncoveredLocked()
			for _, name := range names[left:n] {
				s.names[name] = struct{}{}
			}
			notify(names[:n])
			want(names[:n])
		}
	}
}

// TestDiscardBefore checks what is left of the events of a topic when the consumer
// learns the state of topic 5.
func TestDiscardBefore(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []Lifecycle
		after  Event
	}{
		{"records", nil, Event{Topic: "a"}},
		{"its creation", []Lifecycle{{ID: 5}}, Event{Topic: "a"}},
		{"the deletion of the one before", []Lifecycle{{ID: 4, Deleted: true, Head: 7}}, Event{Topic: "a"}},
		{"both", []Lifecycle{{ID: 4, Deleted: true, Head: 7}, {ID: 5}}, Event{Topic: "a"}},
		{"its deletion", []Lifecycle{{ID: 5}, {ID: 5, Deleted: true, Head: 7}}, Event{Topic: "a", Deleted: true, Head: 7}},
		{"the next one", []Lifecycle{{ID: 5, Deleted: true, Head: 7}, {ID: 6}}, Event{Topic: "a", Deleted: true, Created: true, Head: 7}},
	} {
		s := newSubscriber()
		s.discardBefore("a", 5)
		s.notifyLocked("a", nil)
		for i := range c.events {
			s.notifyLocked("a", &c.events[i])
		}
		s.discardBefore("a", 5)
		s.discardBefore("b", 5)
		if got := s.Take(nil); !slices.Equal(got, []Event{c.after}) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.after)
		}
	}
}

// TestSubscriberReleasesItsMemory checks that a subscriber that had many events does
// not keep the memory for as many.
func TestSubscriberReleasesItsMemory(t *testing.T) {
	s := newSubscriber()
	for i := range 1000 {
		s.notifyLocked(fmt.Sprint(i), nil)
	}
	if got := s.Take(nil); len(got) != 1000 {
		t.Fatal(len(got))
	}
	if cap(s.pending) > keptEvents {
		t.Fatalf("capacity for %d", cap(s.pending))
	}
	s.notifyLocked("a", nil)
	if got := s.Take(nil); len(got) != 1 || got[0].Topic != "a" {
		t.Fatalf("%+v", got)
	}
}

// TestWritersDoNotWaitForSubscribers checks that what a writer calls needs no lock
// that is held while subscribers are notified, nor that of a subscriber.
func TestWritersDoNotWaitForSubscribers(t *testing.T) {
	h := directory{"a": 1}.hub()
	s := h.NewSubscriber()
	s.SubscribePrefix("a", directory{"a": 1}.list)
	held, release, released := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { // another goroutine notifies
		h.notifying.Lock()
		s.mu.Lock()
		close(held)
		<-release
		s.mu.Unlock()
		h.notifying.Unlock()
		close(released)
	}()
	<-held
	if !h.Wants("a") || h.Wants("b") {
		t.Error("a is not wanted, or b is")
	}
	h.Record(Lifecycle{Topic: "a", ID: 1, Deleted: true, Head: 3})
	close(release)
	<-released
	h.Notify("a", func() bool { return false })
	if got := s.Take(nil); !slices.Equal(got, []Event{{Topic: "a", Deleted: true, Head: 3}}) {
		t.Errorf("%+v", got)
	}
	s.Close()
	if !h.Empty() || h.Wants("a") {
		t.Error("subscriptions are left")
	}
}

// TestSubscribeToNothing checks that a failed Subscribe leaves no subscription, and
// that a closed subscriber gets none.
func TestSubscribeToNothing(t *testing.T) {
	h := directory{}.hub()
	s := h.NewSubscriber()
	missing := fmt.Errorf("there is no topic")
	if err := s.Subscribe("a", func() (uint64, error) { return 0, missing }); err != missing || !h.Empty() {
		t.Errorf("%v, subscriptions are left: %v", err, !h.Empty())
	}
	s.Close()
	if err := s.Subscribe("a", func() (uint64, error) { return 1, nil }); err == nil || !h.Empty() {
		t.Errorf("%v, subscriptions are left: %v", err, !h.Empty())
	}
	s.SubscribePrefix("a", func() []Topic { t.Error("listed"); return nil })
}

// TestFullSubscriber checks that a subscriber that takes nothing holds a bounded
// number of events, that it learns of the deletion of every topic that its consumer
// may know, and that Take lists what was left out.
func TestFullSubscriber(t *testing.T) {
	topics := directory{}
	name := func(i int) string { return fmt.Sprint("p-", i) }
	for i := range maxEvents {
		topics[name(i)] = uint64(i + 1)
	}
	next := uint64(maxEvents)
	create := func(name string) Lifecycle {
		next++
		topics[name] = next
		return Lifecycle{Topic: name, ID: next}
	}
	remove := func(name string) Lifecycle {
		id := topics[name]
		delete(topics, name)
		return Lifecycle{Topic: name, ID: id, Deleted: true, Head: 1}
	}
	h := topics.hub()
	s := h.NewSubscriber()
	create("p-older")
	s.SubscribePrefix("p-", topics.list)
	h.Record(create("p-known"))
	h.Record(remove("p-older")) // an older id does not lower the highest known one
	h.Flush()
	s.Take(nil)
	fill := func() {
		t.Helper()
		for i := range maxEvents {
			h.Notify(name(i), present)
		}
		h.Notify("p-beyond", func() bool { return false })
		if len(s.pending) != maxEvents {
			t.Fatalf("%d events are held", len(s.pending))
		}
	}
	take := func() map[string]Event {
		events := map[string]Event{}
		for _, e := range s.Take(nil) {
			if _, twice := events[e.Topic]; twice {
				t.Errorf("%s comes twice", e.Topic)
			}
			events[e.Topic] = e
		}
		return events
	}
	fill()
	h.Notify(name(0), present) // needs no more room
	if got := take(); len(got) != maxEvents || got[name(0)].Created {
		t.Errorf("%d events, %+v", len(got), got[name(0)])
	}
	fill()
	h.Record(remove("p-known"))
	h.Flush()
	if e := take()["p-known"]; !e.Deleted {
		t.Errorf("%+v", e)
	}
	fill()
	h.Record(create("p-more"))
	h.Record(create("p-brief"))
	h.Record(remove("p-brief")) // the consumer cannot know it
	h.Flush()
	if len(s.pending) != maxEvents {
		t.Fatalf("%d events are held", len(s.pending))
	}
	got := take()
	if _, told := got["p-brief"]; told || !got["p-more"].Created || len(got) != maxEvents+1 {
		t.Errorf("%+v, %d events", got["p-more"], len(got))
	}
	fill()
	s.begin() // the topics are being listed: the consumer may learn of any
	h.Record(create("p-brief"))
	h.Record(remove("p-brief"))
	h.Flush()
	s.end()
	if e := take()["p-brief"]; !e.Deleted || e.Created {
		t.Errorf("%+v", e)
	}
}
