package watch

import (
	"cmp"
	"slices"
)

// Cursor is how far a session's client has got in a topic.
type Cursor struct {
	Topic string
	At    uint64 // the last seq that was sent or passed over
}

// Cursors returns the session's topics, sorted by name.
func (s *Session) Cursors() []Cursor {
	s.mu.Lock()
	all := make([]Cursor, 0, len(s.cursors))
	for topic, c := range s.cursors {
		all = append(all, Cursor{topic, c.at})
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b Cursor) int { return cmp.Compare(a.Topic, b.Topic) })
	return all
}

// Follows reports whether the session has a topic for which asked returns true.
func (s *Session) Follows(asked func(topic string) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic := range s.cursors {
		if asked(topic) {
			return true
		}
	}
	return false
}
