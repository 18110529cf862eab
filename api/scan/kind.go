package scan

// Kind is the kind of a value, determined by its first byte.
type Kind uint8

// Kinds of JSON values. KindNone is no value: an unexpected byte or the end.
const (
	KindNone Kind = iota
	KindObject
	KindArray
	KindString
	KindNumber
	KindBool
	KindNull
)

var kindNames = [...]string{"no value", "an object", "an array", "a string", "a number", "a boolean", "null"}

// String returns the kind with its article, for messages.
func (k Kind) String() string { return kindNames[k] }

var kindOf = func() (t [256]Kind) {
	t['{'], t['['], t['"'] = KindObject, KindArray, KindString
	t['t'], t['f'], t['n'] = KindBool, KindBool, KindNull
	t['-'] = KindNumber
	for c := '0'; c <= '9'; c++ {
		t[c] = KindNumber
	}
	return t
}()

// Kind returns the kind of the next value without reading it.
func (s *Scanner) Kind() Kind {
	if s.err != nil {
		return KindNone
	}
	s.space()
	return kindOf[s.peek()]
}

// expect reports whether the next value is of a kind, and fails if not.
func (s *Scanner) expect(want Kind) bool {
	got := s.Kind()
	switch {
	case s.err != nil:
		return false
	case got == want:
		return true
	case got == KindNone:
		s.fail(s.pos, want.String())
		return false
	}
	s.err = &Error{Offset: s.pos, Want: want.String(), Got: got.String(), Value: true}
	return false
}
