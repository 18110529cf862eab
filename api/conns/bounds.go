package conns

import (
	"container/list"
	"math"
)

// Bounds are what the connections of a Set may have together beyond what is
// counted elsewhere. A client of HTTP/2 may have a hundred requests under way
// over one connection, and each holds its header and a stack however small its
// answer is, for as long as the client does not take that.
type Bounds struct {
	Requests int   // requests under way that hold no memory of a share; see Counted
	Unread   int64 // bytes of headers that are not whole yet
}

// unbounded is what a Set has until SetBounds.
var unbounded = Bounds{math.MaxInt, math.MaxInt64}

// unreadPiece is what of a header that is not whole is counted at a time: less
// has room in the buffer that every connection has.
const unreadPiece = 4 << 10

// SetBounds sets the bounds, before the Set is used.
func (s *Set) SetBounds(b Bounds) { s.bounds = b }

// Read implements net.Conn. A connection that waits for a request has its
// bytes counted until the header is whole. At the bound the one that has waited
// longest gives way: an honest header is whole in a moment.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if before := c.unread.Add(int64(n)) - int64(n); (before+int64(n))/unreadPiece > before/unreadPiece {
		c.set.countUnread(c)
	}
	return n, err
}

func (s *Set) countUnread(c *Conn) {
	var gone []*Conn
	s.mu.Lock()
	if c.line != nil {
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

// firstUnread is the longest waiting connection that has brought a part of a
// header. There is one if anything is counted.
func firstUnread(lines ...*list.List) *Conn {
	for _, line := range lines {
		for e := line.Front(); e != nil; e = e.Next() {
			if c := e.Value.(*Conn); c.counted > 0 {
				return c
			}
		}
	}
	return nil
}

// readLocked ends the counting of a header.
func (c *Conn) readLocked() {
	c.set.unread -= c.counted
	c.counted = 0
	c.unread.Store(0)
}

// beginLocked counts a request. At the bound the connection with the most of
// them gives way, of several the one that has had any for longest.
func (c *Conn) beginLocked() (gone []*Conn) {
	s := c.set
	if c.requests++; c.requests == 1 {
		c.busy = s.busy.PushBack(c)
	}
	if s.requests++; s.requests <= s.bounds.Requests {
		return nil
	}
	most := front(&s.busy)
	for e := s.busy.Front(); e != nil; e = e.Next() {
		if other := e.Value.(*Conn); other.requests > most.requests {
			most = other
		}
	}
	s.dismissLocked(most)
	return []*Conn{most}
}

// Counted takes a request that Begin has counted out of the bound, because it
// holds memory of a share from now on, or has ended. It is called once for each.
func (c *Conn) Counted() {
	s := c.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.gone {
		return
	}
	s.requests--
	if c.requests--; c.requests == 0 {
		s.busy.Remove(c.busy)
		c.busy = nil
	}
}
