package topics

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"pgregory.net/rapid"
)

// consumer uses a subscriber as a watch does: it keeps a cursor for every topic
// that it knows of, and reads on when it gets an event.
type consumer struct {
	*follow.Subscriber
	r       *Registry
	cursors map[string]uint64
	seen    func(x string, seq uint64)
	covers  func(x string) bool // of which topics there may be events; all if nil
}

func newConsumer(r *Registry, seen func(string, uint64)) *consumer {
	return &consumer{Subscriber: r.NewSubscriber(), r: r, cursors: map[string]uint64{}, seen: seen}
}

// began notes topics that are there, from their heads on.
func (c *consumer) began(states ...topic.State) {
	for _, s := range states {
		if _, known := c.cursors[s.Name]; !known {
			c.cursors[s.Name] = s.Head
		}
	}
}

// consume takes what has moved and reads it to its end.
func (c *consumer) consume() error {
	for _, m := range c.Take(nil) {
		if c.covers != nil && !c.covers(m.Topic) {
			return fmt.Errorf("told of %s", m.Topic)
		}
		if m.Deleted {
			delete(c.cursors, m.Topic)
		}
		if m.Created {
			if at, known := c.cursors[m.Topic]; known {
				return fmt.Errorf("%s was made, and is known at %d", m.Topic, at)
			}
			c.cursors[m.Topic] = 0
		}
		if err := c.read(m.Topic); err != nil {
			return err
		}
	}
	return nil
}

func (c *consumer) read(name string) error {
	from, known := c.cursors[name]
	for known {
		b, err := c.r.Read(context.Background(), name, &topic.Query{From: from, Limit: 100, MaxBytes: 1 << 20})
		if kindOf(err) == record.KindNotFound {
			return nil // its event will come
		}
		if err != nil {
			return err
		}
		if b.Tombstone != nil {
			return nil // created again since: its event will come
		}
		for _, rec := range b.Records {
			c.seen(name, rec.Seq)
		}
		if from = b.NextFrom; from == b.Head {
			break
		}
	}
	if known {
		c.cursors[name] = from
	}
	return nil
}

// followMachine runs consumers beside what they should know.
type followMachine struct {
	w        *world
	all      []*consumer
	names    []map[string]bool
	prefixes []map[string]bool
}

func (m *followMachine) name(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "ab", "abc", "b", "bc"}).Draw(t, "topic")
}

func (m *followMachine) prefix(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "a", "ab", "b", "c"}).Draw(t, "prefix")
}

func (m *followMachine) one(t *rapid.T) int {
	return rapid.IntRange(0, len(m.all)-1).Draw(t, "consumer")
}

func (m *followMachine) covers(i int, name string) bool {
	if m.names[i][name] {
		return true
	}
	for p := range m.prefixes[i] {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func (m *followMachine) Write(t *rapid.T) { m.w.write(m.name(t), 1) }

func (m *followMachine) Remove(t *rapid.T) { m.w.delete(m.name(t), false) }

func (m *followMachine) Deliver(*rapid.T) { m.w.Deliver() }

func (m *followMachine) Follow(t *rapid.T) {
	i, name := m.one(t), m.name(t)
	s, err := m.w.Registry.Subscribe(m.all[i].Subscriber, name)
	if _, there := m.w.State(name, false); (err == nil) != (there == nil) {
		t.Fatal(err, there)
	}
	if err == nil {
		if !m.covers(i, name) {
			m.all[i].began(s)
		}
		m.names[i][name] = true
	}
}

func (m *followMachine) FollowPrefix(t *rapid.T) {
	i, prefix := m.one(t), m.prefix(t)
	page, _ := m.w.Registry.SubscribePrefix(m.all[i].Subscriber, prefix, 10)
	for _, s := range page {
		if !m.covers(i, s.Name) {
			m.all[i].began(s)
		}
	}
	m.prefixes[i][prefix] = true
}

func (m *followMachine) Unfollow(t *rapid.T) {
	i, name := m.one(t), m.name(t)
	m.all[i].Unsubscribe(name)
	delete(m.names[i], name)
	m.forget(i)
}

func (m *followMachine) UnfollowPrefix(t *rapid.T) {
	i, prefix := m.one(t), m.prefix(t)
	m.all[i].UnsubscribePrefix(prefix)
	delete(m.prefixes[i], prefix)
	m.forget(i)
}

func (m *followMachine) forget(i int) {
	maps.DeleteFunc(m.all[i].cursors, func(name string, _ uint64) bool { return !m.covers(i, name) })
}

// Consume holds that after a delivery the subscribers of a topic are at its head, and
// knows of no other.
func (m *followMachine) Consume(t *rapid.T) {
	i := m.one(t)
	c := m.all[i]
	if rapid.Bool().Draw(t, "deliver") {
		m.w.Deliver()
	}
	if err := c.consume(); err != nil {
		t.Fatal(err)
	}
}

func (m *followMachine) Check(t *rapid.T) {
	m.w.Deliver()
	for i, c := range m.all {
		if err := c.consume(); err != nil {
			t.Fatal(err)
		}
		want := map[string]uint64{}
		page, _ := m.w.List("", "", 10)
		for _, s := range page {
			if m.covers(i, s.Name) {
				want[s.Name] = s.Head
			}
		}
		if !maps.Equal(c.cursors, want) {
			t.Fatalf("consumer %d, by %v and %v, knows %v, want %v", i, m.names[i], m.prefixes[i], c.cursors, want)
		}
	}
}

func TestFollowersAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &followMachine{w: newWorld(t)}
		for i := range 3 {
			c := newConsumer(m.w.Registry, func(string, uint64) {})
			c.covers = func(name string) bool { return m.covers(i, name) }
			m.all = append(m.all, c)
			m.names = append(m.names, map[string]bool{})
			m.prefixes = append(m.prefixes, map[string]bool{})
		}
		rt.Repeat(map[string]func(*rapid.T){
			"write": m.Write, "write again": m.Write, "remove": m.Remove, "deliver": m.Deliver,
			"follow": m.Follow, "follow prefix": m.FollowPrefix, "unfollow": m.Unfollow, "unfollow prefix": m.UnfollowPrefix,
			"consume": m.Consume,
		})
		m.Check(rt)
		for _, c := range m.all {
			c.Close()
		}
		m.w.followsNothing()
		m.w.shared.Log.Close()
		*m.w = world{}
	})
}
