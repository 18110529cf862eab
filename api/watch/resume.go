package watch

import (
	"strings"

	"github.com/e6e95bb8/topics/topics/record"
)

// Resume moves the cursors of a session that has not run to a place where
// another one was, which must have been portable. The topics of prefixes that
// are not in the place were created since, and begin at their first record; those
// of the place that do not exist any more are reported as deleted. It fails if
// the place is of a session that is not portable.
func (s *Session) Resume(p Place) error {
	for key := range p.at {
		if strings.HasPrefix(key, notName) {
			return &record.Error{
				Kind: record.KindInvalid, Message: "Last-Event-ID: is of a watch session, and of no use without it",
				Detail: map[string]any{"field": "Last-Event-ID"},
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.cursors {
		to, known := p.at[c.topic]
		if !known {
			to, known = p.at[c.hashed()]
		}
		if known || c.prefix {
			c.start = to
			s.move(c, to)
		}
	}
	for topic, at := range p.at {
		if s.cursors[topic] == nil && !strings.HasPrefix(topic, hashName) {
			s.resendDeletion(topic, at)
		}
	}
	return nil
}
