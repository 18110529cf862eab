package conns

// line is connections in an order. The zero line is empty. Set.mu guards all lines
// and places.
type line struct {
	first, last *place
	length      int
}

// place is where a connection stands in a line. It is a part of the connection, so
// that to get in line, which every request does, allocates nothing.
type place struct {
	conn           *Conn
	line           *line // nil while it is in none
	next, previous *place
}

// Len returns the number of connections.
func (l *line) Len() int { return l.length }

// front returns the first connection, or nil if there is none.
func (l *line) front() *Conn {
	if l.first == nil {
		return nil
	}
	return l.first.conn
}

// push puts a connection at the end. p is the place for it, which is in no line.
func (l *line) push(p *place, c *Conn) {
	*p = place{conn: c, line: l, previous: l.last}
	if l.last == nil {
		l.first = p
	} else {
		l.last.next = p
	}
	l.last = p
	l.length++
}

// taken reports whether the place is in a line.
func (p *place) taken() bool { return p.line != nil }

// leave takes the place out of its line, if it is in one.
func (p *place) leave() {
	l := p.line
	if l == nil {
		return
	}
	if p.previous == nil {
		l.first = p.next
	} else {
		p.previous.next = p.next
	}
	if p.next == nil {
		l.last = p.previous
	} else {
		p.next.previous = p.previous
	}
	l.length--
	*p = place{}
}
