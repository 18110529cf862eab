package conns

import (
	"container/list"
	"net"
	"sync/atomic"
	"time"
)

// Conn is a connection of a Set.
type Conn struct {
	net.Conn
	set    *Set
	unread atomic.Int64 // bytes read since it began to wait

	// The rest is guarded by set.mu.
	line  *list.List    // where it waits; nil while it is at work
	place *list.Element // in line
	since time.Time     // when it began to wait
	extra *list.Element // in set.extras; nil for a regular one
	asked bool          // it has brought a request
	gone  bool          // closed, by itself or by the Set

	counted  int64         // of unread, in set.unread
	requests int           // under way and not Counted
	busy     *list.Element // in set.busy; nil: there are none
}

// Standing is what a request may ask for over its connection.
type Standing uint8

// The standings of a connection.
const (
	Regular Standing = iota
	Extra            // beyond the bound: only what helps to find out why
	Gone             // closed to make room: nothing, because the client takes the request for lost
)

// Begin is called when a request's header has been read, and Counted when it is
// through or has its memory from a share. After Gone there is nothing to count.
func (c *Conn) Begin() Standing {
	s := c.set
	s.mu.Lock()
	var gone []*Conn
	if !c.gone {
		c.asked = true
		c.workLocked()
		c.readLocked()
		c.settleLocked()
		gone = c.beginLocked()
	}
	standing := Regular
	switch {
	case c.gone:
		standing = Gone
	case c.extra != nil:
		standing = Extra
	}
	s.mu.Unlock()
	closeAll(gone)
	return standing
}

// Claim makes a regular connection of one beyond the bound, if there is room or
// one that waits can give way.
func (c *Conn) Claim() bool {
	s := c.set
	s.mu.Lock()
	var gone []*Conn
	if c.extra != nil && !c.gone && !s.roomLocked() {
		if waiting := s.longestWaitingLocked(); waiting != nil {
			s.dismissLocked(waiting)
			gone = append(gone, waiting)
		}
	}
	c.settleLocked()
	regular := c.extra == nil && !c.gone
	s.mu.Unlock()
	closeAll(gone)
	return regular
}

// settleLocked makes a regular connection of one beyond the bound if there is
// room.
func (c *Conn) settleLocked() {
	if c.extra != nil && c.set.roomLocked() {
		c.set.extras.Remove(c.extra)
		c.extra = nil
	}
}

// rest notes that every answer has been sent. A connection that has not
// brought a request goes on waiting as a new one.
func (c *Conn) rest() {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	if !c.gone && c.asked {
		c.workLocked()
		c.readLocked()
		c.waitLocked(&c.set.idle)
	}
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	c.leaveLocked()
	return err
}

// CloseWrite ends the sending side alone, as net/http does so that a client
// which still sends gets the answer.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *Conn) waitLocked(line *list.List) {
	c.line, c.place, c.since = line, line.PushBack(c), c.set.now()
}

func (c *Conn) workLocked() {
	if c.line != nil {
		c.line.Remove(c.place)
		c.line, c.place = nil, nil
	}
}

func (c *Conn) leaveLocked() {
	if !c.gone {
		c.gone = true
		c.workLocked()
		c.readLocked()
		c.set.requests -= c.requests
		if c.busy != nil {
			c.set.busy.Remove(c.busy)
			c.busy, c.requests = nil, 0
		}
		c.set.open--
		if c.extra != nil {
			c.set.extras.Remove(c.extra)
			c.extra = nil
		}
	}
}
