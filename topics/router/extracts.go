package router

import (
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Extracts are what the routers of one topic take in the same round: most of
// them take the same. Those that do not, by their filters, may be many.
type Extracts struct {
	Log   *topic.Frames
	Of    map[ExtractKey]*Extract // nil: there is nothing
	Bytes int64                   // payloads of those that are kept
}

// MaxExtracted is how many bytes of extracts are kept for other routers.
const MaxExtracted = 8 * forwardBytes

type ExtractKey struct {
	cursor  uint64
	strip   byte
	filters bool
	filter  record.Match
}

func (s *Extracts) keep(key ExtractKey, x *Extract) {
	if x != nil {
		if s.Bytes += x.Bytes; s.Bytes > MaxExtracted {
			s.forget()
			s.Bytes = x.Bytes
		}
	}
	s.Of[key] = x
}

func (s *Extracts) forget() {
	clear(s.Of)
	s.Bytes = 0
}
