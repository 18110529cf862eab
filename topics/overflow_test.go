package topics

import (
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
)

// TestSubscriberOfManyTopics checks that a subscriber of a prefix that takes nothing
// learns in the end which topics exist and which of those it knew do not.
func TestSubscriberOfManyTopics(t *testing.T) {
	const n = 2500 // more than a subscriber holds
	w := newWorld(t)
	f := w.NewSubscriber()
	w.write("p-old", 1)
	w.write("named", 1)
	w.SubscribePrefix(f, "p-", 10)
	name := func(i int) string { return fmt.Sprint("p-", i) }
	for i := range n {
		w.put(name(i), class(record.Memory))
		w.Deliver()
	}
	w.follow(f, "named")
	for i := n; i < n+100; i++ { // come and go
		w.put(name(i), class(record.Memory))
		w.Deliver()
		w.delete(name(i), false)
		w.Deliver()
	}
	w.delete("p-old", false)
	w.write("named", 1)
	w.Deliver()
	told := map[string]follow.Event{}
	for _, m := range f.Take(nil) {
		if _, twice := told[m.Topic]; twice {
			t.Errorf("%s comes twice", m.Topic)
		}
		told[m.Topic] = m
	}
	for i := range n {
		if m := told[name(i)]; !m.Created || m.Deleted {
			t.Fatalf("%s: %+v", name(i), m)
		}
	}
	if m := told["p-old"]; !m.Deleted || m.Created || m.Head != 1 {
		t.Errorf("p-old: %+v", m)
	}
	if m := told["named"]; m.Topic == "" || len(told) != n+2 {
		t.Errorf("named: %+v, %d in all", m, len(told))
	}
	// It overflows again, but now it knows them.
	for i := range n {
		w.write(name(i), 1)
	}
	w.Deliver()
	w.delete(name(n-1), false)
	w.put(name(n-1), class(record.Memory))
	w.Deliver()
	told = map[string]follow.Event{}
	for _, m := range f.Take(nil) {
		told[m.Topic] = m
	}
	if m := told[name(n-1)]; !m.Deleted || !m.Created || m.Head != 1 || len(told) != n {
		t.Errorf("%+v of %d", m, len(told))
	}
	w.moves(f)
	f.Close()
	w.followsNothing()
}
