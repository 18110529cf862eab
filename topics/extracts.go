package topics

import (
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// extracts are what the routers of one topic take in the same round: most of
// them take the same. Those that do not, by their filters, may be many.
type extracts struct {
	log   *topic.Frames
	of    map[extractKey]*extract // nil: there is nothing
	bytes int64                   // payloads of those that are kept
}

// maxExtracted is how many bytes of extracts are kept for other routers.
const maxExtracted = 8 * forwardBytes

type extractKey struct {
	cursor  uint64
	strip   byte
	filters bool
	filter  record.Match
}

func (s *extracts) keep(key extractKey, x *extract) {
	if x != nil {
		if s.bytes += x.bytes; s.bytes > maxExtracted {
			s.forget()
			s.bytes = x.bytes
		}
	}
	s.of[key] = x
}

func (s *extracts) forget() {
	clear(s.of)
	s.bytes = 0
}
