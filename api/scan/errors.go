package scan

import (
	"fmt"
	"unicode/utf8"
)

// Error is where and why a document was refused.
type Error struct {
	Offset int    // in bytes from the start of the document
	Want   string // what would have been accepted there
	Got    string // what was found there; may be empty
	// Value is true if the document is valid up to this value, and only the value
	// is not what the caller requires.
	Value bool
}

func (e *Error) Error() string {
	if e.Got == "" {
		return fmt.Sprintf("expected %s at byte %d", e.Want, e.Offset)
	}
	return fmt.Sprintf("expected %s, found %s at byte %d", e.Want, e.Got, e.Offset)
}

// fail records a violation of the grammar at a position.
func (s *Scanner) fail(at int, want string) {
	if s.err != nil {
		return
	}
	got := "the end of the body"
	if at < len(s.buf) {
		r, n := utf8.DecodeRune(s.buf[at:])
		if r == utf8.RuneError && n == 1 {
			got = fmt.Sprintf("byte 0x%02x", s.buf[at])
		} else {
			got = fmt.Sprintf("%q", r)
		}
	}
	s.pos = at
	s.err = &Error{Offset: at, Want: want, Got: got}
}

func (s *Scanner) failDepth(at int) {
	s.err = &Error{Offset: at, Want: fmt.Sprintf("at most %d levels of nesting", MaxDepth)}
}

// failValue records a value that is valid JSON but not acceptable.
func (s *Scanner) failValue(at int, want, got string) {
	s.err = &Error{Offset: at, Want: want, Got: got, Value: true}
}
