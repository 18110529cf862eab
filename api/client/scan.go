package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// errJSON is what the scanner says of an answer that is not what it must be.
var errJSON = errors.New("malformed JSON")

// errForeign is what is said of an answer without the fields that every such
// answer has: something else stands at the address.
var errForeign = errors.New("fields are missing that the server never leaves out")

// scanner takes JSON of a known shape apart in one pass. Raw values are slices
// of its input. It is for the answers that come by the thousand: reads, writes
// and streams. It trusts the server that a value is valid JSON and only finds
// its end; no input makes it panic.
type scanner struct {
	b  []byte
	at int
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// take takes the byte c if it is next.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

// object calls field with each name; field must take the value. Names that the
// caller knows have no escapes, so they are compared as they stand.
func (s *scanner) object(field func(name []byte) error) error {
	if !s.take('{') {
		return errJSON
	}
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return errJSON
		}
		name, err := s.quoted()
		if err != nil || !s.take(':') {
			return errJSON
		}
		if err := field(name[1 : len(name)-1]); err != nil {
			return err
		}
	}
	return nil
}

// array calls element for each element; element must take it.
func (s *scanner) array(element func() error) error {
	if !s.take('[') {
		return errJSON
	}
	for first := true; !s.take(']'); first = false {
		if !first && !s.take(',') {
			return errJSON
		}
		if err := element(); err != nil {
			return err
		}
	}
	return nil
}

// quoted takes a string with its quotes, escapes as they are.
func (s *scanner) quoted() ([]byte, error) {
	if !s.take('"') {
		return nil, errJSON
	}
	start := s.at - 1
	for {
		n := bytes.IndexByte(s.b[s.at:], '"')
		if n < 0 {
			return nil, errJSON
		}
		s.at += n + 1
		escapes := 0
		for i := s.at - 2; i > start && s.b[i] == '\\'; i-- {
			escapes++
		}
		if escapes%2 == 0 {
			return s.b[start:s.at], nil
		}
	}
}

// value takes any value.
func (s *scanner) value() (json.RawMessage, error) {
	s.space()
	start := s.at
	for depth := 0; s.at < len(s.b); {
		switch s.b[s.at] {
		case '"':
			if _, err := s.quoted(); err != nil {
				return nil, err
			}
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case ' ', '\t', '\r', '\n', ',', ':':
			s.at++
			if depth == 0 {
				return nil, errJSON // nothing before it
			}
			continue
		default:
			s.word()
		}
		if depth < 0 {
			return nil, errJSON
		}
		if depth == 0 {
			// With its own end, so that appending to it harms nothing.
			return s.b[start:s.at:s.at], nil
		}
	}
	return nil, errJSON
}

// word takes a number or a literal: everything up to what cannot be part of it.
func (s *scanner) word() []byte {
	start := s.at
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\r', '\n', ',', ':', '"', '{', '}', '[', ']':
			return s.b[start:s.at]
		}
		s.at++
	}
	return s.b[start:s.at]
}

func (s *scanner) uint(into *uint64) (err error) {
	s.space()
	*into, err = strconv.ParseUint(string(s.word()), 10, 64)
	return err
}

func (s *scanner) int(into *int64) (err error) {
	s.space()
	*into, err = strconv.ParseInt(string(s.word()), 10, 64)
	return err
}

func (s *scanner) bool(into *bool) error {
	s.space()
	switch string(s.word()) {
	case "true":
		*into = true
	case "false":
		*into = false
	default:
		return errJSON
	}
	return nil
}

// null takes a null if it is next.
func (s *scanner) null() bool {
	s.space()
	if bytes.HasPrefix(s.b[s.at:], []byte("null")) {
		s.at += 4
		return true
	}
	return false
}

// text takes a string. last is one that was met before, or nil: most records
// have the same node as their neighbour, and may share it.
func (s *scanner) text(last *string) (*string, error) {
	quoted, err := s.quoted()
	if err != nil {
		return nil, err
	}
	plain := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(plain, '\\') >= 0 {
		v := new(string)
		return v, json.Unmarshal(quoted, v)
	}
	if last != nil && *last == string(plain) {
		return last, nil
	}
	v := string(plain)
	return &v, nil
}

// skip takes a value that nobody asks for.
func (s *scanner) skip() error {
	_, err := s.value()
	return err
}

// end reports an error when anything but space is left.
func (s *scanner) end() error {
	if s.space(); s.at < len(s.b) {
		return errJSON
	}
	return nil
}
