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

	// The fields below are guarded by set.mu.
	line  *list.List    // list in which it waits; nil while a request is in progress
	place *list.Element // in line
	since time.Time     // start of waiting
	extra *list.Element // in set.extras; nil for a regular connection
	asked bool          // it has sent a request
	gone  bool          // it was closed, by its user or by the Set
}

// Standing determines which requests a connection may make.
type Standing uint8

// Standings of a connection.
const (
	Regular Standing = iota
	Extra            // beyond the bound: only requests that help to find the cause
	Gone             // closed to make room: no requests, because the client considers them lost
)

// Begin must be called when the header of a request has been read.
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

// Claim turns an extra connection into a regular one, if there is room or a
// waiting connection can be closed. It reports whether the connection is
// regular.
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

// settleLocked turns an extra connection into a regular one if there is room.
func (c *Conn) settleLocked() {
	if c.extra != nil && c.set.roomLocked() {
		c.set.extras.Remove(c.extra)
		c.extra = nil
	}
}

// rest records that every answer has been sent. A connection that has not sent
// a request keeps waiting as a new one.
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

// CloseWrite closes the sending side, as net/http does so that a client that is
// still sending receives the answer.
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
