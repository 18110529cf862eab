package scan

// Skip steps over the next value, checking it like any other.
func (s *Scanner) Skip() { s.Raw() }

// Raw reads the next value and returns its bytes as they stand in the
// document, without the whitespace around it. members is how many members it
// has if it is an object or an array, duplicates counted, and else 0.
func (s *Scanner) Raw() (value []byte, members int) {
	if s.err != nil {
		return nil, 0
	}
	s.space()
	start := s.pos
	switch kindOf[s.peek()] {
	case KindString:
		s.text()
	case KindObject, KindArray:
		members = s.container()
	default:
		s.scalar()
	}
	if s.err != nil {
		return nil, 0
	}
	return s.buf[start:s.pos], members
}

// RawObject is Raw for a value that must be an object.
func (s *Scanner) RawObject() (value []byte, members int) {
	if !s.expect(KindObject) {
		return nil, 0
	}
	return s.Raw()
}

// scalar steps over a value that is neither container nor string.
func (s *Scanner) scalar() { s.step(scalarEnd(s.buf, s.pos)) }

func scalarEnd(buf []byte, i int) (end int, want string) {
	switch kindOf[at(buf, i)] {
	case KindNumber:
		return numberEnd(buf, i)
	case KindBool, KindNull:
		return literalEnd(buf, i)
	}
	return i, "a value"
}

// nesting is the stack of open containers: one bit a level says which are
// objects, so that depth costs neither recursion nor an allocation.
type nesting struct {
	objects [MaxDepth / 64]uint64
	level   int // of the innermost open container; the outermost is 0
}

func (n *nesting) set(object bool) {
	word, bit := n.level>>6, uint64(1)<<(n.level&63)
	n.objects[word] &^= bit
	if object {
		n.objects[word] |= bit
	}
}

func (n *nesting) object() bool {
	return n.objects[n.level>>6]>>(n.level&63)&1 != 0
}

// container steps over the object or array at the position and counts its own
// members.
func (s *Scanner) container() (members int) {
	open := nesting{level: -1}
	buf, i, want := s.buf, s.pos, ""
	for want == "" {
		// At the first byte of a value.
		switch c := at(buf, i); c {
		case '"':
			i, _, want = stringEnd(buf, i+1)
		case '{', '[':
			open.level++
			if s.depth+open.level >= MaxDepth {
				s.failDepth(i)
				return 0
			}
			open.set(c == '{')
			i = spaceEnd(buf, i+1)
			if at(buf, i) == c+2 { // '}' is '{'+2, ']' is '['+2: empty
				break
			}
			if open.level == 0 {
				members = 1
			}
			if c == '{' {
				i, want = keyEnd(buf, i)
			}
			continue
		default:
			i, want = scalarEnd(buf, i)
		}
		if want != "" {
			break
		}
		// After a value: leave what ends here, then step over the comma.
		if i, want = open.leave(buf, i); open.level < 0 {
			s.pos = i
			return members
		}
		if open.level == 0 {
			members++
		}
	}
	s.fail(i, want)
	return 0
}

// leave is the position of the value after the one that ends at i: it pops the
// containers that end there and steps over the comma and a field's name. At
// level -1 all are left, and it is the position after the outermost.
func (n *nesting) leave(buf []byte, i int) (next int, want string) {
	for {
		i = spaceEnd(buf, i)
		object := n.object()
		switch c := at(buf, i); {
		case c == ',':
			i = spaceEnd(buf, i+1)
			if object {
				return keyEnd(buf, i)
			}
			return i, ""
		case object && c != '}':
			return i, "',' or '}'"
		case !object && c != ']':
			return i, "',' or ']'"
		}
		i++
		if n.level--; n.level < 0 {
			return i, ""
		}
	}
}

// keyEnd is the position of the value of the field whose name is at i.
func keyEnd(buf []byte, i int) (value int, want string) {
	if at(buf, i) != '"' {
		return i, "a field name"
	}
	if i, _, want = stringEnd(buf, i+1); want != "" {
		return i, want
	}
	i = spaceEnd(buf, i)
	if at(buf, i) != ':' {
		return i, "':'"
	}
	return spaceEnd(buf, i+1), ""
}
