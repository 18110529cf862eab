package conns

import (
	"container/list"
	"net"
	"time"
)

// Conn is a connection of a Set.
type Conn struct {
	net.Conn
	set *Set

	// The rest is guarded by set.mu.
	line  *list.List    // where it waits; nil while it is at work
	place *list.Element // in line
	since time.Time     // when it began to wait
	extra *list.Element // in set.extras; nil for a regular one
	asked bool          // it has brought a request
	gone  bool          // closed, by itself or by the Set
}

// Standing is what a request may ask for over its connection.
type Standing uint8

// The standings of a connection.
const (
	Regular Standing = iota
	Extra            // beyond the bound: only what helps to find out why
	Gone             // closed to make room: nothing, because the client takes the request for lost
)

// Begin is called when a request's header has been read.
func (c *Conn) Begin() Standing {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	if c.gone {
		return Gone
	}
	c.asked = true
	c.workLocked()
	c.settleLocked()
	if c.extra != nil {
		return Extra
	}
	return Regular
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
		c.set.open--
		if c.extra != nil {
			c.set.extras.Remove(c.extra)
			c.extra = nil
		}
	}
}
