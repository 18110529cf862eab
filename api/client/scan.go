package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// errJSON is returned for an answer that is not the JSON it must be.
var errJSON = errors.New("malformed JSON")

// errForeign is returned for an answer without fields that the server always
// sends: something other than the server is at the address.
var errForeign = errors.New("fields are missing that the server never leaves out")

// scanner parses JSON of a known shape in one pass. Raw values are slices of
// its input. It serves the answers that arrive in great numbers: reads, writes
// and streams. It trusts that a value is valid JSON and only finds its end; no
// input makes it panic.
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

// take consumes the byte c if it is next, and reports whether it was.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

// object calls field with each name; field must consume the value. Names are
// compared without unescaping, because no expected name has escapes.
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

// array calls element for each element; element must consume it.
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

// uints consumes an array of unsigned numbers.
func (s *scanner) uints() (all []uint64, err error) {
	err = s.array(func() error {
		all = append(all, 0)
		return s.uint(&all[len(all)-1])
	})
	return all, err
}

// quoted consumes a string and returns it with its quotes, not unescaped.
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

// value consumes any value.
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
				return nil, errJSON // there is no value
			}
			continue
		default:
			s.word()
		}
		if depth < 0 {
			return nil, errJSON
		}
		if depth == 0 {
			// Its capacity is its length, so that appending to it copies.
			return s.b[start:s.at:s.at], nil
		}
	}
	return nil, errJSON
}

// word consumes a number or a literal, up to the first byte that cannot belong
// to one.
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

// null consumes a null if it is next, and reports whether it was.
func (s *scanner) null() bool {
	s.space()
	if bytes.HasPrefix(s.b[s.at:], []byte("null")) {
		s.at += 4
		return true
	}
	return false
}

// text consumes a string. last is an earlier value of the field, or nil: most
// records have the same node as the one before, and share its string.
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

// string consumes a string.
func (s *scanner) string(into *string) error {
	text, err := s.text(nil)
	if err == nil {
		*into = *text
	}
	return err
}

// skip consumes a value and discards it.
func (s *scanner) skip() error {
	_, err := s.value()
	return err
}

// end returns an error if anything but space is left.
func (s *scanner) end() error {
	if s.space(); s.at < len(s.b) {
		return errJSON
	}
	return nil
}
