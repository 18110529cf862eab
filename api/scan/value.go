package scan

import "math"

// String reads a string and decodes its escapes. Without escapes the result
// aliases the document. It is not nil unless there was an error.
func (s *Scanner) String() []byte {
	if !s.expect(KindString) {
		return nil
	}
	return s.decode("a string")
}

// Bool reads a boolean.
func (s *Scanner) Bool() bool {
	if !s.expect(KindBool) {
		return false
	}
	v := s.buf[s.pos] == 't'
	s.literal()
	return v && s.err == nil
}

// Null reads a null if that is the next value, and reports whether it was.
func (s *Scanner) Null() bool {
	if s.Kind() != KindNull {
		return false
	}
	s.literal()
	return s.err == nil
}

// Int reads an integer that fits in an int64. It refuses a fraction or an
// exponent, even if the number is whole.
func (s *Scanner) Int() int64 {
	at, neg, v := s.integer()
	if s.err != nil {
		return 0
	}
	switch {
	case neg && v <= 1<<63:
		return int64(-v)
	case !neg && v <= math.MaxInt64:
		return int64(v)
	}
	s.failValue(at, "an integer of 64 bits", "one out of range")
	return 0
}

// Uint reads an integer that fits in a uint64. It reads -0 as 0.
func (s *Scanner) Uint() uint64 {
	at, neg, v := s.integer()
	if s.err == nil && neg && v != 0 {
		s.failValue(at, "an integer that is not negative", "a negative one")
		return 0
	}
	return v
}

// integer reads the sign and the magnitude of an integer.
func (s *Scanner) integer() (at int, neg bool, v uint64) {
	at = s.pos
	if !s.expect(KindNumber) {
		return at, false, 0
	}
	at = s.pos
	s.number()
	if s.err != nil {
		return at, false, 0
	}
	digits := s.buf[at:s.pos]
	if digits[0] == '-' {
		neg, digits = true, digits[1:]
	}
	for _, c := range digits {
		d := uint64(c - '0')
		switch {
		case c < '0' || c > '9':
			s.failValue(at, "an integer", "a number with a fraction or an exponent")
			return at, neg, 0
		case v > (math.MaxUint64-d)/10:
			s.failValue(at, "an integer of 64 bits", "one out of range")
			return at, neg, 0
		}
		v = v*10 + d
	}
	return at, neg, v
}

// literal skips true, false or null, depending on the first byte.
func (s *Scanner) literal() { s.step(literalEnd(s.buf, s.pos)) }

// number skips the number at the position.
func (s *Scanner) number() { s.step(numberEnd(s.buf, s.pos)) }

// step moves to a position, or fails there if want is not empty.
func (s *Scanner) step(to int, want string) {
	s.pos = to
	if want != "" {
		s.fail(to, want)
	}
}

// literalEnd returns the position after the literal at i; see stringEnd for
// want.
func literalEnd(buf []byte, i int) (end int, want string) {
	lit := "null"
	switch buf[i] {
	case 't':
		lit = "true"
	case 'f':
		lit = "false"
	}
	if i+len(lit) <= len(buf) && string(buf[i:i+len(lit)]) == lit {
		return i + len(lit), ""
	}
	for k := range len(lit) {
		if at(buf, i+k) != lit[k] {
			return i + k, lit
		}
	}
	return i, lit
}

// numberEnd returns the position after the number at i; see stringEnd for want.
func numberEnd(buf []byte, i int) (end int, want string) {
	if buf[i] == '-' {
		i++
	}
	from := i
	if i = digitsEnd(buf, i); i == from {
		return i, "a digit"
	}
	if buf[from] == '0' {
		i = from + 1 // no digit may follow a leading zero
	}
	if at(buf, i) == '.' {
		from = i + 1
		if i = digitsEnd(buf, from); i == from {
			return i, "a digit"
		}
	}
	if at(buf, i)|0x20 == 'e' {
		i++
		if c := at(buf, i); c == '+' || c == '-' {
			i++
		}
		from = i
		if i = digitsEnd(buf, i); i == from {
			return i, "a digit"
		}
	}
	return i, ""
}

// digitsEnd returns the position after the digits that begin at i.
func digitsEnd(buf []byte, i int) int {
	for i < len(buf) && buf[i]-'0' <= 9 {
		i++
	}
	return i
}
