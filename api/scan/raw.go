package scan

// Skip skips the next value. It checks the value like Raw.
func (s *Scanner) Skip() { s.Raw() }

// Raw reads the next value and returns its bytes verbatim, without the
// whitespace around it. members is the number of members of an object or array,
// including duplicates, and 0 for other values.
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

// Located skips the next value. It returns the document up to the value's end, and
// where in it the value begins, as NewAt takes them.
func (s *Scanner) Located() (doc []byte, at int) {
	value, _ := s.Raw()
	return s.buf[:s.pos], s.pos - len(value)
}

// RawObject is Raw for a value that must be an object.
func (s *Scanner) RawObject() (value []byte, members int) {
	if !s.expect(KindObject) {
		return nil, 0
	}
	return s.Raw()
}

// scalar skips a value that is neither a container nor a string.
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

// nesting is the stack of open containers. It has one bit per level, which is
// set for objects, so that nesting needs neither recursion nor an allocation.
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

// container skips the object or array at the position and counts its members.
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
			if at(buf, i) == c+2 { // '}' is '{'+2 and ']' is '['+2: it is empty
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
		// After a value: leave the containers that end here and skip the comma.
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

// leave returns the position of the next value after the one that ends at i: it
// pops the containers that end there, and skips the comma and the name of a
// field. At level -1 all containers have ended, and it returns the position
// after the outermost.
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

// keyEnd returns the position of the value of the field whose name is at i.
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
