package conns

import "math"

// Bounds limit what the connections of a Set take together and no share of the
// memory counts. An HTTP/2 client may have a hundred requests in progress on one
// connection, and each keeps its header and a stack, however small its answer,
// until the client reads that.
type Bounds struct {
	Requests int   // requests in progress without memory of a share; see Counted
	Unread   int64 // bytes of incomplete headers
}

// unbounded are the bounds of a Set before SetBounds.
var unbounded = Bounds{math.MaxInt, math.MaxInt64}

// unreadPiece is the unit in which incomplete headers are counted. Less than one
// fits into the buffer that every connection has.
const unreadPiece = 4 << 10

// SetBounds sets the bounds. It must be called before the Set is used.
func (s *Set) SetBounds(b Bounds) { s.bounds = b }

// Read implements net.Conn. The bytes of a connection that waits for a request
// are counted until its header is complete. Beyond the bound, the connection that
// has waited longest with a part of one is closed: the header of a well-behaved
// client is complete within moments.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.next(p)
	if before := c.unread.Add(int64(n)) - int64(n); (before+int64(n))/unreadPiece > before/unreadPiece {
		c.set.countUnread(c)
	}
	return n, err
}

// Unread makes Read return p before anything else. It must not be called while
// Read may be. p was read from Conn, which counts nothing.
func (c *Conn) Unread(p []byte) { c.ahead = p }

// TakeUnread takes back what is left of what Unread was given.
func (c *Conn) TakeUnread() []byte {
	p := c.ahead
	c.ahead = nil
	return p
}

// next reads what Unread was given, or else from the network.
func (c *Conn) next(p []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	if len(c.ahead) == 0 {
		c.ahead = nil
	}
	return n, nil
}

func (s *Set) countUnread(c *Conn) {
	var gone []*Conn
	s.mu.Lock()
	if c.waiting.taken() {
		n := c.unread.Load() / unreadPiece * unreadPiece
		s.unread += n - c.counted
		c.counted = n
	}
	for s.unread > s.bounds.Unread {
		slow := firstUnread(&s.fresh, &s.idle)
		s.dismissLocked(slow)
		gone = append(gone, slow)
	}
	s.mu.Unlock()
	closeAll(gone)
}

// firstUnread returns the longest waiting connection that has sent a part of a
// header. There is one if any bytes are counted.
func firstUnread(lines ...*line) *Conn {
	for _, l := range lines {
		for p := l.first; p != nil; p = p.next {
			if p.conn.counted > 0 {
				return p.conn
			}
		}
	}
	return nil
}

// readLocked stops counting a header. The caller holds set.mu.
func (c *Conn) readLocked() {
	c.set.unread -= c.counted
	c.counted = 0
	c.unread.Store(0)
}

// beginLocked counts a request. Beyond the bound it dismisses the connection with
// the most of them, or, of several, the one that has been busy for longest, and
// returns it to be closed. The caller holds set.mu.
func (c *Conn) beginLocked() (gone []*Conn) {
	s := c.set
	if c.requests++; c.requests == 1 {
		s.busy.push(&c.busy, c)
	}
	if s.requests++; s.requests <= s.bounds.Requests {
		return nil
	}
	most := s.busy.front()
	for p := s.busy.first; p != nil; p = p.next {
		if p.conn.requests > most.requests {
			most = p.conn
		}
	}
	s.dismissLocked(most)
	return []*Conn{most}
}

// Counted removes a request that Begin has counted from the bound, because it has
// ended or has memory of a share. It must be called once for each.
func (c *Conn) Counted() {
	s := c.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.gone {
		return
	}
	s.requests--
	if c.requests--; c.requests == 0 {
		c.busy.leave()
	}
}
