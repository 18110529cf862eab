package scan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stops marks the first byte of w that ends a run of plain string content: a
// quote, a backslash or a control character. The mark is the high bit of the
// byte. Bytes above the first mark may be marked by mistake, bytes below it
// never are.
func stops(w uint64) uint64 {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs
}

// stringEnd returns the position after the string whose content begins at i,
// and whether it has escapes. The content must be valid UTF-8 and its escapes
// well formed; otherwise want is what was expected at the returned position.
func stringEnd(buf []byte, i int) (end int, escaped bool, want string) {
	start := i
	var seen uint64 // OR of the content's bytes, eight at a time, for their high bits
	for {
		if i+8 <= len(buf) {
			w := binary.LittleEndian.Uint64(buf[i:])
			seen |= w // includes bytes after the end, which causes a needless check at worst
			m := stops(w)
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		} else {
			for i < len(buf) && buf[i] >= 0x20 && buf[i] != '"' && buf[i] != '\\' {
				seen |= uint64(buf[i])
				i++
			}
			if i == len(buf) {
				return i, escaped, "the end of a string"
			}
		}
		switch buf[i] {
		case '"':
			if seen&highs != 0 && !utf8.Valid(buf[start:i]) {
				return start + invalidUTF8(buf[start:i]), escaped, "valid UTF-8"
			}
			return i + 1, escaped, ""
		case '\\':
			n := escapeLen(buf[i:])
			if n == 0 {
				return i, true, "a valid escape"
			}
			escaped = true
			i += n
		default:
			return i, escaped, "no control character in a string"
		}
	}
}

// text skips the string at the position, and returns the bytes between its
// quotes and whether they have escapes.
func (s *Scanner) text() (content []byte, escaped bool) {
	start := s.pos + 1
	end, escaped, want := stringEnd(s.buf, start)
	if want != "" {
		s.fail(end, want)
		return nil, false
	}
	s.pos = end
	return s.buf[start : end-1], escaped
}

// escapeLen returns the length of the escape at the start of b, or 0 if it is
// malformed.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if hex4(b) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 returns the code unit of the \uXXXX at the start of b, or -1 if it is
// malformed.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var v rune
	for _, c := range b[2:6] {
		v <<= 4
		switch {
		case c >= '0' && c <= '9':
			v |= rune(c - '0')
		case c >= 'a' && c <= 'f':
			v |= rune(c - 'a' + 10)
		case c >= 'A' && c <= 'F':
			v |= rune(c - 'A' + 10)
		default:
			return -1
		}
	}
	return v
}

// invalidUTF8 returns the offset of the first invalid UTF-8 in b.
func invalidUTF8(b []byte) int {
	i := 0
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return i
}

// decode reads the string at the position and decodes its escapes. what
// describes it in an error.
func (s *Scanner) decode(what string) []byte {
	at := s.pos
	content, escaped := s.text()
	if !escaped || s.err != nil {
		return content
	}
	out := make([]byte, 0, len(content)) // no escape gets longer when decoded
	for i := 0; i < len(content); {
		c := content[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		if content[i+1] != 'u' {
			out = append(out, unescape(content[i+1]))
			i += 2
			continue
		}
		r := hex4(content[i:])
		i += 6
		if utf16.IsSurrogate(r) {
			if r = utf16.DecodeRune(r, hex4(content[i:])); r == utf8.RuneError {
				s.failValue(at, what, "an escaped lone surrogate")
				return nil
			}
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// unescape returns the character for the letter after a backslash.
func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // a quote, backslash or slash
}
