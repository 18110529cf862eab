package watch

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/api/scan"
	"github.com/e6e95bb8/topics/topics/record"
)

// A client sends the last id in a header, and servers and proxies bound
// headers, many proxies at 8 KiB. Both limits below are for the cursors as
// text, in bytes; an id is a third longer.
const (
	// maxNamed bounds the text with the names of topics. If it would be longer,
	// cursors are identified by their numbers, or by hashes of their names.
	maxNamed = 5 << 10
	// maxDocument bounds the text of an id. There is no id beyond it.
	maxDocument = 32 << 10
)

// Keys of the map of cursors that are not names of topics begin with one of
// these signs: the epoch and the numbers of cursors with the first, hashes of
// names with the second. A number means something to one session only, a hash to
// all.
const (
	notName   = "$"
	hashName  = "#"
	epochName = notName + "epoch"
)

func (c *cursor) numbered() string { return notName + strconv.FormatUint(c.number, 10) }

// hashed returns the key that stands for the cursor's topic in ids of all
// sessions.
func (c *cursor) hashed() string {
	if c.hash == "" {
		sum := sha256.Sum256([]byte(c.topic))
		c.hash = hashName + base64.RawURLEncoding.EncodeToString(sum[:8])
	}
	return c.hash
}

// span is the position of a number in a document.
type span struct{ from, to int }

// document is the JSON map of a session's cursors. It is kept as text because
// every event carries it and changes only one of its numbers.
type document struct {
	text []byte // nil if it must be built
}

// outdate discards the text, so that it is built anew.
func (d *document) outdate() { d.text = nil }

// move updates the cursor's number in the text. If it does not fit, the text is
// discarded.
func (d *document) move(c *cursor) {
	if d.text == nil {
		return
	}
	var digits [20]byte
	n := strconv.AppendUint(digits[:0], c.at, 10)
	if c.removed || len(n) != c.digits.to-c.digits.from {
		d.outdate()
		return
	}
	copy(d.text[c.digits.from:], n)
}

// AppendID appends the session's cursors as an id. They are as after the event
// that is being sent, so it may be called by an Output; without a Run they are
// the session's. It appends nothing if there are too many topics for an id,
// some 2,000: a client then resumes where the session is.
func (s *Session) AppendID(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.appendIDLocked(b)
}

func (s *Session) appendIDLocked(b []byte) []byte {
	if s.id.text == nil {
		s.id.text = s.write(func(c *cursor) string { return c.topic })
		switch {
		case len(s.id.text) <= maxNamed:
		case s.options.Portable:
			s.id.text = s.write((*cursor).hashed)
		default:
			s.id.text = s.write((*cursor).numbered)
		}
	}
	if len(s.id.text) > maxDocument {
		return b
	}
	return base64.RawURLEncoding.AppendEncode(b, s.id.text)
}

// write builds the text, with the key that name returns for each cursor. s.mu
// is held.
func (s *Session) write(name func(*cursor) string) []byte {
	b := append(make([]byte, 0, 32+32*len(s.cursors)), '{')
	member := func(name string, n uint64) span {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), `":`...)
		from := len(b)
		b = strconv.AppendUint(b, n, 10)
		return span{from, len(b)}
	}
	if s.epoch > 0 {
		member(epochName, s.epoch)
	}
	for _, topic := range slices.Sorted(maps.Keys(s.cursors)) { // sorted, so that equal cursors give equal ids
		c := s.cursors[topic]
		c.digits = member(name(c), c.at)
	}
	return append(b, '}')
}

// Place is the position of a session's cursors after some event.
type Place struct {
	at    map[string]uint64
	epoch uint64
}

// Rewind moves the cursors back to a place. A cursor never moves forward, and
// one that the place does not have moves to its start. Rewind must not be
// called during Run.
func (s *Session) Rewind(p Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.cursors {
		to, known := p.at[c.topic]
		if !known {
			to, known = p.at[c.numbered()]
		}
		if !known || c.born > p.epoch {
			to = c.start
		}
		s.move(c, min(c.at, to))
	}
	// The client may not have received the events of later deletions, so they are
	// sent again: the deletions that are remembered, and those of topics in the
	// place that do not exist any more, or that were created again.
	for _, d := range slices.Backward(s.past) {
		if d.epoch > p.epoch {
			s.resendDeletion(d.topic, d.head)
		}
	}
	if p.epoch == s.epoch {
		return // nothing was deleted since
	}
	for topic, at := range p.at {
		if c := s.cursors[topic]; c == nil || c.born > p.epoch {
			s.resendDeletion(topic, at)
		}
	}
}

// resendDeletion schedules another event that the topic was deleted. s.mu is held.
func (s *Session) resendDeletion(topic string, head uint64) {
	c := s.cursors[topic]
	if c == nil {
		if !s.covered(topic) || !s.allowed(topic) || s.roomFor(true) != nil || s.take(1) != nil {
			return
		}
		c = &cursor{topic: topic, prefix: true}
		s.insert(c)
	}
	if !c.deleted {
		c.deleted, c.head = true, head
	}
}

// ParseID parses an id made by AppendID. It cannot check which session made it.
func ParseID(id string) (Place, error) {
	refused := &record.Error{
		Kind: record.KindInvalid, Message: "Last-Event-ID: is not the id of an event of this stream",
		Detail: map[string]any{"field": "Last-Event-ID"},
	}
	if base64.RawURLEncoding.DecodedLen(len(id)) > maxDocument {
		return Place{}, refused
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil {
		return Place{}, refused
	}
	at := map[string]uint64{}
	doc := scan.New(text)
	doc.Object()
	for doc.Field() {
		name := string(doc.Name())
		if !keyOfID(name) {
			return Place{}, refused
		}
		at[name] = doc.Uint()
	}
	doc.End()
	if doc.Err() != nil {
		return Place{}, refused
	}
	p := Place{at: at, epoch: at[epochName]}
	delete(at, epochName)
	return p, nil
}

// keyOfID reports whether a key may be in an id. Names are checked because events
// repeat them.
func keyOfID(name string) bool {
	return strings.HasPrefix(name, notName) || strings.HasPrefix(name, hashName) || record.CheckName(name) == nil
}
