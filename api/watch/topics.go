package watch

import (
	"context"
	"fmt"
	"strings"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Add follows a topic. If it is followed already, it begins again at the given
// start. Add fails if the topic does not exist or if there are too many.
func (s *Session) Add(x string, at Start) (Position, error) {
	if err := s.resolve(x, &at); err != nil {
		return Position{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.cursors[x]
	if err := s.roomFor(old == nil); err != nil {
		return Position{}, err
	}
	if old == nil {
		if err := s.take(1); err != nil {
			return Position{}, err
		}
	}
	st, err := s.subscribe(x, old == nil)
	if err != nil {
		if old == nil {
			s.give(1)
		}
		return Position{}, err
	}
	if old != nil {
		s.remove(old)
	}
	return s.add(&st, at, false), nil
}

// subscribe subscribes to a topic that the options do not rule out. If it fails, a
// topic that is new to the session is not subscribed to. s.mu is held.
func (s *Session) subscribe(name string, isNew bool) (topic.State, error) {
	st, err := s.frames.engine.Subscribe(s.subscriber, name)
	if err != nil {
		return st, err
	}
	err = s.acceptable(&st)
	if err != nil && isNew && !s.covered(name) {
		s.subscriber.Unsubscribe(name)
	}
	return st, err
}

// resolve replaces a start at a time by one at a seq.
func (s *Session) resolve(name string, at *Start) error {
	if at.FromTS == nil {
		return nil
	}
	from, err := s.frames.engine.Before(context.Background(), name, *at.FromTS)
	*at = Start{From: from}
	return err
}

// Remove stops following a topic. An event of it that is being sent is still
// delivered, and none after it. If a prefix of the session covers the topic, it
// is followed again only after it was created anew.
func (s *Session) Remove(x string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.cursors[x]; c != nil {
		s.drop(c)
		s.subscriber.Unsubscribe(x)
	}
}

// AddPrefix follows the existing topics whose names begin with prefix from at,
// and topics created later from their first record. It returns the positions of
// the topics it added; those that were followed before are not affected. If
// there are too many topics, none is added.
func (s *Session) AddPrefix(prefix string, at Start) (map[string]Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.roomFor(false); err != nil {
		return nil, err
	}
	if len(s.prefixes) >= s.max {
		return nil, s.full()
	}
	_, again := s.prefixes[prefix]
	if !again {
		if err := s.take(1); err != nil {
			return nil, err
		}
	}
	positions, err := s.addPresent(prefix, at)
	if err != nil {
		if !again {
			s.subscriber.UnsubscribePrefix(prefix)
			s.give(1)
		}
		return nil, err
	}
	s.prefixes[prefix] = struct{}{}
	return positions, nil
}

// addPresent subscribes to a prefix and adds the topics that it covers now. It takes
// the memory for all of them before they are listed. s.mu is held.
func (s *Session) addPresent(prefix string, at Start) (map[string]Position, error) {
	for {
		most := min(s.max, s.frames.engine.CountTopics([]string{prefix}))
		if err := s.take(most); err != nil {
			return nil, err
		}
		present, more := s.frames.engine.SubscribePrefix(s.subscriber, prefix, most)
		if more && most < s.max { // created since they were counted
			s.give(most)
			continue
		}
		positions, err := s.addAll(present, more, at)
		s.give(most - len(positions))
		return positions, err
	}
}

// HasPrefix reports whether the session follows a prefix.
func (s *Session) HasPrefix(prefix string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.prefixes[prefix]
	return ok
}

// RemovePrefix stops following a prefix, and the topics that were added by it
// and are covered by no other one. As with Remove, one event may still be
// delivered.
func (s *Session) RemovePrefix(prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.prefixes[prefix]; !ok {
		return
	}
	delete(s.prefixes, prefix)
	s.give(1)
	s.subscriber.UnsubscribePrefix(prefix)
	for x, c := range s.cursors {
		if c.prefix && !s.covered(x) {
			s.drop(c)
		}
	}
}

// addAll adds all topics of present that are allowed and not followed yet, or,
// if it fails, none. s.mu is held.
func (s *Session) addAll(present []topic.State, more bool, at Start) (map[string]Position, error) {
	var wanted []*topic.State
	for i := range present {
		st := &present[i]
		if s.cursors[st.Name] != nil || !s.allowed(st.Name) {
			continue
		}
		if err := s.acceptable(st); err != nil {
			return nil, err
		}
		wanted = append(wanted, st)
	}
	if more || len(s.cursors)+len(wanted) > s.max {
		return nil, s.full()
	}
	starts := make([]Start, len(wanted))
	for i, st := range wanted {
		starts[i] = at
		err := s.resolve(st.Name, &starts[i])
		if err != nil && !absent(err) { // one that was deleted since begins anew
			return nil, err
		}
	}
	positions := make(map[string]Position, len(wanted))
	for i, st := range wanted {
		positions[st.Name] = s.add(st, starts[i], true)
	}
	return positions, nil
}

// add adds the cursor of a topic that is subscribed to. s.mu is held.
func (s *Session) add(st *topic.State, at Start, prefix bool) Position {
	from := at.From
	if at.Tail {
		from = st.Head
	}
	s.insert(&cursor{topic: st.Name, start: from, at: from, prefix: prefix})
	return Position{From: from, Head: st.Head, Earliest: st.Earliest}
}

// insert adds a cursor, for which memory was taken, to the session and queues it if the
// session is running. s.mu is held.
func (s *Session) insert(c *cursor) {
	s.made++
	c.born, c.connect, c.number = s.epoch, true, s.made
	s.cursors[c.topic] = c
	s.id.outdate()
	if s.running {
		c.line = s.frames.acquire(c.topic, s.options)
		s.push(c)
	}
}

// push queues a cursor and wakes Run. s.mu is held.
func (s *Session) push(c *cursor) {
	s.ready.push(c)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	if s.waker != nil {
		s.waker()
	}
}

// drop removes a cursor from the session and gives back its memory. s.mu is held.
func (s *Session) drop(c *cursor) {
	s.remove(c)
	s.give(1)
}

// remove removes a cursor from the session and keeps its memory for another. s.mu is
// held.
func (s *Session) remove(c *cursor) {
	delete(s.cursors, c.topic)
	c.removed = true
	s.releaseLine(c)
	s.id.outdate()
}

// releaseLine releases a cursor's line, which it has while the session is running.
// s.mu is held.
func (s *Session) releaseLine(c *cursor) {
	if c.line != nil {
		s.frames.release(c.line)
		c.line = nil
	}
}

// covered reports whether a prefix of the session covers the topic. s.mu is
// held.
func (s *Session) covered(x string) bool {
	for prefix := range s.prefixes {
		if strings.HasPrefix(x, prefix) {
			return true
		}
	}
	return false
}

// roomFor returns an error if the session is closed or, with another, if it has
// no room for one more topic. s.mu is held.
func (s *Session) roomFor(another bool) error {
	switch {
	case s.closed:
		return &record.Error{Kind: record.KindInvalid, Message: "the session is closed"}
	case another && len(s.cursors) >= s.max && (len(s.cursors) >= 2*s.max || len(s.cursors)-s.leaving() >= s.max):
		return s.full()
	}
	return nil
}

// leaving returns the number of topics of prefixes that do not exist any more
// and remain only until that was sent. s.mu is held.
func (s *Session) leaving() (n int) {
	for _, c := range s.cursors {
		if c.prefix && c.gone {
			n++
		}
	}
	return n
}

func (s *Session) full() error {
	return &record.Error{
		Kind:    record.KindInvalid,
		Message: fmt.Sprintf("at most %d topics can be watched at once, those of prefixes included", s.max),
		Detail:  map[string]any{"limit": "max_watch_topics", "max": s.max},
	}
}

// acceptable returns an error if the session's options rule out the topic.
func (s *Session) acceptable(st *topic.State) error {
	if s.options.Strong && st.Config.Durability == record.Ephemeral {
		return &record.Error{
			Kind: record.KindInvalid,
			Message: fmt.Sprintf("topic %q is ephemeral: its records are never synced, so consistency \"strong\" cannot deliver them",
				st.Name),
			Detail: map[string]any{"topic": st.Name},
		}
	}
	return nil
}

// Size returns the number of topics and prefixes that the session follows.
func (s *Session) Size() (topics, prefixes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.cursors), len(s.prefixes)
}

// Close stops following. No Run may be active; Add fails from now on.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.give(s.taken)
	s.subscriber.Close()
}
