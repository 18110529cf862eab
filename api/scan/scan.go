// Package scan reads JSON request bodies in one pass, without copying and
// without building values. It accepts exactly RFC 8259 in valid UTF-8, nested
// at most MaxDepth deep, with nothing after the document. Values that the
// server stores verbatim are returned as slices of the body; others are decoded
// directly.
//
// A Scanner is a cursor that remembers its first error. After an error every
// method returns zero values, so a decoder can ignore errors until it calls Err
// at the end, before it uses anything.
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
// Escaped lone surrogates ("\ud800") are valid grammar but not valid text: they
// are accepted in a verbatim value, and are an error where a string is decoded.
package scan

// MaxDepth is how deep objects and arrays may be nested, including the document
// itself.
const MaxDepth = 128

// Scanner is a cursor over one document. It is not safe for concurrent use.
type Scanner struct {
	buf   []byte
	pos   int
	depth int    // containers that were entered and not left yet
	first bool   // no member of the container that was entered last was read yet
	name  []byte // of the last field
	err   *Error
}

// New returns a Scanner at the start of doc. What it returns may alias doc,
// which must not be modified while that is in use.
func New(doc []byte) Scanner { return Scanner{buf: doc} }

// NewAt returns a Scanner of the value that begins somewhere in doc and ends with it.
// Its errors count from the start of doc.
func NewAt(doc []byte, at int) Scanner { return Scanner{buf: doc, pos: at} }

// Valid returns nil if doc is one valid JSON document.
func Valid(doc []byte) error {
	s := New(doc)
	s.Skip()
	s.End()
	return s.Err()
}

// Err returns the first error, which is an *Error, or nil.
func (s *Scanner) Err() error {
	if s.err == nil {
		return nil
	}
	return s.err
}

// Failure is Err with its concrete type.
func (s *Scanner) Failure() *Error { return s.err }

// Object enters the next value, which must be an object.
func (s *Scanner) Object() { s.enter(KindObject) }

// Array enters the next value, which must be an array.
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

// Field advances to the next field of the object entered last and reads its
// name. The caller must then read or skip the value. At the end Field leaves
// the object and returns false.
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

// Name returns the name read by Field, with its escapes decoded. It is valid
// until the next call of Field.
func (s *Scanner) Name() []byte { return s.name }

// Element advances to the next element of the array entered last. The caller
// must then read or skip it. At the end Element leaves the array and returns
// false.
func (s *Scanner) Element() bool { return s.next(']', "',' or ']'") }

// next skips the comma before a member, or the end of the container.
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

// space skips whitespace.
func (s *Scanner) space() { s.pos = spaceEnd(s.buf, s.pos) }

// peek returns the byte at the position, or 0 at the end of the document. A 0
// in the document is an error anywhere, so the two need not be distinguished.
func (s *Scanner) peek() byte { return at(s.buf, s.pos) }

func at(buf []byte, i int) byte {
	if i < len(buf) {
		return buf[i]
	}
	return 0
}

// spaceEnd returns the position of the first byte from i on that is not
// whitespace.
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
