package follow

import (
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/topics/record"
)

// Topic identifies a topic that exists. No two topics have the same id, even if
// one was created under the name of a deleted one.
type Topic struct {
	Name string
	ID   uint64
}

func errClosed() *record.Error {
	return &record.Error{Kind: record.KindClosed, Message: "the subscriber is closed"}
}

// Subscribe subscribes to the topic of that name. look must return the topic's id
// at the moment when the consumer learns of its state: Take returns every event
// after that moment, and none from before. If look fails, there is no
// subscription. It outlives the topic: it also covers a later one of the same name.
func (s *Subscriber) Subscribe(name string, look func() (id uint64, err error)) error {
	s.begin()
	defer s.end()
	added, covered, ok := s.hub.addName(s, name)
	if !ok {
		return errClosed()
	}
	id, err := look()
	if err != nil {
		if added {
			s.Unsubscribe(name)
		}
		return err
	}
	if !covered {
		s.hub.Flush()
		s.discardBefore(name, id)
	}
	return nil
}

// SubscribePrefix subscribes to all topics whose names begin with prefix, also to
// those that will be created, of which it gets an event with Created. list must
// return the topics whose state the consumer learns; as for Subscribe, Take
// returns none of their events from before. It is not called if s is closed.
func (s *Subscriber) SubscribePrefix(prefix string, list func() []Topic) {
	s.begin()
	defer s.end()
	added, ok := s.hub.addPrefix(s, prefix)
	if !ok {
		return
	}
	present := list()
	newest := uint64(0)
	for _, t := range present {
		newest = max(newest, t.ID)
	}
	s.learn(newest)
	if !added {
		return
	}
	s.hub.Flush()
	for _, t := range present {
		if !s.hub.covers(s, t.Name, &prefix) {
			s.discardBefore(t.Name, t.ID)
		}
	}
}

// Unsubscribe stops delivering events for name, unless a prefix covers it.
func (s *Subscriber) Unsubscribe(name string) {
	s.hub.unsubscribe(s, func() { s.hub.removeNameLocked(s, name) })
}

// UnsubscribePrefix ends the subscription to a prefix.
func (s *Subscriber) UnsubscribePrefix(prefix string) {
	s.hub.unsubscribe(s, func() { s.hub.removePrefixLocked(s, prefix) })
}

// Close ends all subscriptions. Nothing can be subscribed to afterwards.
func (s *Subscriber) Close() {
	s.hub.unsubscribe(s, func() {
		s.closed = true
		for name := range s.names {
			s.hub.removeNameLocked(s, name)
		}
		for prefix := range s.prefixes {
			s.hub.removePrefixLocked(s, prefix)
		}
	})
}

// coversLocked reports whether s is subscribed to the topic, by name or by a prefix
// other than except. Hub.notifying is held.
func (s *Subscriber) coversLocked(name string, except *string) bool {
	if _, ok := s.names[name]; ok {
		return true
	}
	for p := range s.prefixes {
		if (except == nil || p != *except) && strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// discardUncoveredLocked removes the events of topics that s is no longer subscribed
// to. They would be out of date if it subscribed again. Hub.notifying is held.
func (s *Subscriber) discardUncoveredLocked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = slices.DeleteFunc(s.pending, func(p pending) bool { return !s.coversLocked(p.Topic, nil) })
	clear(s.at)
	s.placeLocked(0)
}

// discardBefore reduces the event of a topic to a change if its lifecycle events
// are not later than the creation of the topic of that id, whose state the consumer
// learns.
func (s *Subscriber) discardBefore(name string, id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.findLocked(name)
	if i < 0 {
		return
	}
	if p := &s.pending[i]; p.id < id || p.id == id && p.Created {
		*p = pending{Event: Event{Topic: name}}
	}
}
