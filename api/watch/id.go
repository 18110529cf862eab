package watch

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"

	"github.com/e6e95bb8/topics/api/scan"
	"github.com/e6e95bb8/topics/topics/record"
)

// A client sends the last id in a header, and servers, proxies and this one
// bound those: many proxies at 8 KiB. Both bounds are of the cursors as text,
// which is a third longer as an id.
const (
	// maxNamed is how long they may be with the names of the topics. Beyond,
	// each cursor goes by its number.
	maxNamed = 5 << 10
	// maxDocument is how long they may be at all for an id to be made of them.
	maxDocument = 32 << 10
)

// What stands in the map of cursors and is no topic's name begins with this
// sign: the epoch, and numbers in the place of names.
const (
	notName   = "$"
	epochName = notName + "epoch"
)

func (c *cursor) numbered() string { return notName + strconv.FormatUint(c.number, 10) }

// span is where a number stands in a document.
type span struct{ from, to int }

// document is the JSON map of a session's cursors. It is kept as text, because
// every event carries it and changes one number of it.
type document struct {
	text []byte // nil: to be made
}

// outdate says that the text has to be made anew.
func (d *document) outdate() { d.text = nil }

// move writes a cursor's number in its place, if it fits.
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

// AppendID appends the session's cursors as an id, as they are once the event
// that is being sent was taken: it is for use by an Output, and where there is
// none. Some 2,000 topics and more give no id: then a client resumes where the
// session is.
func (s *Session) AppendID(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id.text == nil {
		s.id.text = s.write(func(c *cursor) string { return c.topic })
		if len(s.id.text) > maxNamed {
			s.id.text = s.write((*cursor).numbered)
		}
	}
	if len(s.id.text) > maxDocument {
		return b
	}
	return base64.RawURLEncoding.AppendEncode(b, s.id.text)
}

// write makes the text, with what name says for each cursor. s.mu is held.
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
	for _, topic := range slices.Sorted(maps.Keys(s.cursors)) { // the same place gives the same id
		c := s.cursors[topic]
		c.digits = member(name(c), c.at)
	}
	return append(b, '}')
}

// Place is where the cursors were at an event.
type Place struct {
	at    map[string]uint64
	epoch uint64
}

// Rewind takes the cursors back to a place. A cursor never goes forward, and one
// that the place does not know goes back to its start. It must not be called
// while Run is under way.
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
	// Deletions that the client may not have heard of are told again: those that
	// are remembered, and those of topics that the place knows and that are gone,
	// or are others by now.
	for _, d := range slices.Backward(s.past) {
		if d.epoch > p.epoch {
			s.retell(d.topic, d.head)
		}
	}
	if p.epoch == s.epoch {
		return // there were none
	}
	for topic, at := range p.at {
		if c := s.cursors[topic]; c == nil || c.born > p.epoch {
			s.retell(topic, at)
		}
	}
}

// retell has it told that a topic was deleted. s.mu is held.
func (s *Session) retell(topic string, head uint64) {
	c := s.cursors[topic]
	if c == nil {
		if !s.covered(topic) || !s.allowed(topic) || s.roomFor(true) != nil {
			return
		}
		c = &cursor{topic: topic, prefix: true}
		s.insert(c)
	}
	if !c.deleted {
		c.deleted, c.head = true, head
	}
}

// ParseID reads an id as AppendID makes them. It does not know which session
// gave it.
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
