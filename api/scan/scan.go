// Package scan reads JSON request bodies in one pass, without copying and
// without building values. It accepts exactly RFC 8259 in valid UTF-8, nested
// at most MaxDepth deep, with nothing after the document. Values that the
// server keeps verbatim come back as slices of the body; what it interprets
// is decoded on the way.
//
// A Scanner is driven like a cursor and keeps its first error: after it every
// method answers zero values, so a decoder reads straight through and asks Err
// once at the end, before it uses anything.
//
//	s := scan.New(body)
//	s.Object()
//	for s.Field() {
//		switch string(s.Name()) {
//		case "limit":
//			limit = s.Int()
//		default:
//			s.Skip()
//		}
//	}
//	s.End()
//	if err := s.Err(); err != nil { ... }
//
// Escapes of lone surrogates ("\ud800") are grammar that no text can mean: they
// pass in a verbatim value and are an error where a string is decoded.
package scan

// MaxDepth is how deep objects and arrays may nest, the document's own
// included.
const MaxDepth = 128

// Scanner is a cursor over one document. It is not safe for concurrent use.
type Scanner struct {
	buf   []byte
	pos   int
	depth int    // containers entered and not yet left
	first bool   // the container just entered has given no member yet
	name  []byte // of the field last read
	err   *Error
}

// New returns a Scanner at the start of doc. Everything it hands out may alias
// doc, which must stay unchanged as long as that is used.
func New(doc []byte) Scanner { return Scanner{buf: doc} }

// Valid returns nil when doc is one valid JSON document.
func Valid(doc []byte) error {
	s := New(doc)
	s.Skip()
	s.End()
	return s.Err()
}

// Err is the first error met, always an *Error.
func (s *Scanner) Err() error {
	if s.err == nil {
		return nil
	}
	return s.err
}

// Failure is Err with its type, nil if there is none.
func (s *Scanner) Failure() *Error { return s.err }

// Object enters the object that is the next value.
func (s *Scanner) Object() { s.enter(KindObject) }

// Array enters the array that is the next value.
func (s *Scanner) Array() { s.enter(KindArray) }

func (s *Scanner) enter(kind Kind) {
	if !s.expect(kind) {
		return
	}
	if s.depth++; s.depth > MaxDepth {
		s.failDepth(s.pos)
		return
	}
	s.pos++
	s.first = true
}

// Field moves to the next field of the object entered last and reads its name;
// the caller must then read or skip the value. At the object's end it leaves
// the object and answers false.
func (s *Scanner) Field() bool {
	if !s.next('}', "',' or '}'") {
		return false
	}
	if s.peek() != '"' {
		s.fail(s.pos, "a field name")
		return false
	}
	s.name = s.decode("a field name")
	if s.err != nil {
		return false
	}
	s.space()
	if s.peek() != ':' {
		s.fail(s.pos, "':'")
		return false
	}
	s.pos++
	return true
}

// Name is the name that Field has read, with its escapes decoded. It is valid
// until the next Field.
func (s *Scanner) Name() []byte { return s.name }

// Element moves to the next element of the array entered last; the caller must
// then read or skip it. At the array's end it leaves the array and answers
// false.
func (s *Scanner) Element() bool { return s.next(']', "',' or ']'") }

// next steps over the comma before a member, or over the container's end.
func (s *Scanner) next(end byte, want string) bool {
	if s.err != nil {
		return false
	}
	s.space()
	c := s.peek()
	switch {
	case c == end:
		s.pos++
		s.depth--
		s.first = false
		return false
	case s.first:
		s.first = false
		return true
	case c != ',':
		s.fail(s.pos, want)
		return false
	}
	s.pos++
	s.space()
	return true
}

// End checks that nothing follows the document.
func (s *Scanner) End() {
	if s.err != nil {
		return
	}
	s.space()
	if s.pos < len(s.buf) {
		s.fail(s.pos, "nothing after the document")
	}
}

// space steps over whitespace.
func (s *Scanner) space() { s.pos = spaceEnd(s.buf, s.pos) }

// peek is the byte at the position, or 0 at the document's end. A 0 in the
// document is an error wherever it stands, so the two need no telling apart.
func (s *Scanner) peek() byte { return at(s.buf, s.pos) }

func at(buf []byte, i int) byte {
	if i < len(buf) {
		return buf[i]
	}
	return 0
}

// spaceEnd is the position of the first byte from i on that is not whitespace.
func spaceEnd(buf []byte, i int) int {
	if i < len(buf) && buf[i] > ' ' {
		return i
	}
	return spacesEnd(buf, i)
}

func spacesEnd(buf []byte, i int) int {
	for i < len(buf) && (buf[i] == ' ' || buf[i] == '\n' || buf[i] == '\r' || buf[i] == '\t') {
		i++
	}
	return i
}
