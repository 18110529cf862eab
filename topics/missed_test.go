package topics

import (
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
)

// A follower of a prefix that takes nothing holds little, however many topics
// come and go, and learns all the same what is there and what of it has gone.
func TestFollowerOfManyTopics(t *testing.T) {
	const n = 2 * maxMovements
	w := newWorld(t)
	f := NewFollower()
	w.write("p-old", 1)
	w.write("named", 1)
	w.FollowPrefix(f, "p-", 10)
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
	if len(f.pending) > maxMovements+10 {
		t.Fatalf("%d movements are held", len(f.pending))
	}
	told := map[string]Movement{}
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
	// Full again: now it knows them.
	for i := range n {
		w.write(name(i), 1)
	}
	w.Deliver()
	w.delete(name(n-1), false)
	w.put(name(n-1), class(record.Memory))
	w.Deliver()
	told = map[string]Movement{}
	for _, m := range f.Take(nil) {
		told[m.Topic] = m
	}
	if m := told[name(n-1)]; !m.Deleted || !m.Created || m.Head != 1 || len(told) != n {
		t.Errorf("%+v of %d", m, len(told))
	}
	w.moves(f)
	w.Leave(f)
	w.followsNothing()
}

// fillFollower makes a follower of the prefix as full as it gets, with nothing new.
func (w *world) fillFollower(f *Follower) {
	w.t.Helper()
	for i := range maxMovements {
		w.write(fmt.Sprint("p-", i), 1)
	}
	w.Deliver()
	if len(f.pending) < maxMovements {
		w.t.Fatalf("%d movements are held", len(f.pending))
	}
}

// A follower that is full learns of the end of every topic that its consumer may
// have heard of, and of what it holds already it needs no other room.
func TestFullFollowerLearnsOfEnds(t *testing.T) {
	w := newWorld(t)
	f := NewFollower()
	for i := range maxMovements {
		w.put(fmt.Sprint("p-", i), class(record.Memory))
	}
	w.put("p-older", class(record.Memory))
	w.FollowPrefix(f, "p-", 10)
	w.put("p-told", class(record.Memory))
	w.Deliver()
	w.delete("p-older", false) // what is older does not make it know less
	w.Deliver()
	f.Take(nil)
	take := func() map[string]Movement {
		told := map[string]Movement{}
		for _, m := range f.Take(nil) {
			told[m.Topic] = m
		}
		return told
	}
	w.fillFollower(f)
	w.write("p-0", 1)
	w.Deliver()
	if told := take(); len(told) != maxMovements || told["p-0"].Created {
		t.Errorf("%d movements, %+v", len(told), told["p-0"])
	}
	w.fillFollower(f)
	w.delete("p-told", false)
	w.Deliver()
	if m := take()["p-told"]; !m.Deleted {
		t.Errorf("%+v", m)
	}
	w.fillFollower(f)
	f.join() // what it follows is being listed: it may hear of any topic
	w.put("p-brief", class(record.Memory))
	w.delete("p-brief", false)
	w.Deliver()
	f.joined()
	if m := take()["p-brief"]; !m.Deleted || m.Created {
		t.Errorf("%+v", m)
	}
	w.Leave(f)
	w.followsNothing()
}
