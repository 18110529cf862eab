package conns

import (
	"net"
	"sync/atomic"
	"time"
)

// Conn is a connection of a Set.
type Conn struct {
	net.Conn
	set    *Set
	unread atomic.Int64 // bytes read since it began to wait
	ahead  []byte       // what Read returns first; see Unread

	// The fields below are guarded by set.mu.
	waiting place     // in set.fresh or set.idle; in no line while a request is in progress
	since   time.Time // start of waiting
	extra   place     // in set.extras; in no line for a regular connection
	asked   bool      // it has sent a request
	gone    bool      // it was closed, by its user or by the Set

	counted  int64 // of unread, in set.unread
	requests int   // in progress and not Counted
	busy     place // in set.busy; in no line if requests is 0
}

// Standing determines which requests a connection may make.
type Standing uint8

// Standings of a connection.
const (
	Regular Standing = iota
	Extra            // beyond the bound: only requests that help to find the cause
	Gone             // closed to make room: no requests, because the client considers them lost
)

// Begin must be called when the header of a request has been read, and Counted
// when the request has ended or has its memory from a share. A request that got
// Gone is not counted.
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
	case c.extra.taken():
		standing = Extra
	}
	s.mu.Unlock()
	closeAll(gone)
	return standing
}

// Claim turns an extra connection into a regular one, if there is room or a
// waiting connection can be closed. It reports whether the connection is
// regular.
func (c *Conn) Claim() bool {
	s := c.set
	s.mu.Lock()
	var gone []*Conn
	if c.extra.taken() && !c.gone && !s.roomLocked() {
		if waiting := s.longestWaitingLocked(); waiting != nil {
			s.dismissLocked(waiting)
			gone = append(gone, waiting)
		}
	}
	c.settleLocked()
	regular := !c.extra.taken() && !c.gone
	s.mu.Unlock()
	closeAll(gone)
	return regular
}

// settleLocked turns an extra connection into a regular one if there is room.
func (c *Conn) settleLocked() {
	if c.extra.taken() && c.set.roomLocked() {
		c.extra.leave()
	}
}

// Rest records that every answer has been sent. A connection that has not sent
// a request keeps waiting as a new one.
func (c *Conn) Rest() {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	if !c.gone && c.asked {
		c.workLocked()
		c.readLocked()
		c.waitLocked(&c.set.idle)
	}
}

// Close implements net.Conn. It leaves the Set first, so that Replace, which may be
// called meanwhile, finds that the connection is closed.
func (c *Conn) Close() error {
	c.set.mu.Lock()
	c.leaveLocked()
	nc := c.Conn
	c.set.mu.Unlock()
	return nc.Close()
}

// TCP returns the net.Conn if it is a connection of the runtime's poller, or nil. It is
// for whoever reads from it.
func (c *Conn) TCP() *net.TCPConn {
	tcp, _ := c.Conn.(*net.TCPConn)
	return tcp
}

// handle returns the net.Conn, for a goroutine that does not read from it.
func (c *Conn) handle() net.Conn {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	return c.Conn
}

// Replace puts nc, which is another handle of the same socket, in the place of the
// net.Conn. It is called by whoever reads from the connection. If that is closed
// already, so is nc.
func (c *Conn) Replace(nc net.Conn) {
	c.set.mu.Lock()
	c.Conn = nc
	gone := c.gone
	c.set.mu.Unlock()
	if gone {
		_ = nc.Close() // as the one before
	}
}

// CloseWrite closes the sending side, as net/http does so that a client that is
// still sending receives the answer.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *Conn) waitLocked(l *line) {
	l.push(&c.waiting, c)
	c.since = c.set.now()
}

func (c *Conn) workLocked() {
	if c.waiting.taken() {
		c.waiting.leave()
		c.set.easeLocked()
		c.set.finishLocked()
	}
}

func (c *Conn) leaveLocked() {
	if !c.gone {
		c.gone = true
		c.workLocked()
		c.readLocked()
		c.set.requests -= c.requests
		c.requests = 0
		c.busy.leave()
		c.set.open--
		c.extra.leave()
		c.set.easeLocked()
	}
}
