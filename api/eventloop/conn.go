package eventloop

import (
	"net"
	"sync"
	"time"
)

// Conn is a connection that the runtime's poller knows nothing of. Its methods but
// Close and those of its addresses are for whoever is at its turn.
type Conn struct {
	fd            int
	local, remote net.Addr
	loop          *loop // nil before it is started
	handler       Handler

	readable bool // there may be something to read
	drained  bool // a read that takes less than it could has taken all

	// Guarded by loop.mu.
	last   time.Time // when it had something to read
	atTurn bool      // begun, or to be begun, or to leave
	more   bool      // there was something to read meanwhile
	ended  bool      // the peer has closed its side
	called bool      // it is to leave: Recall was called, or its turn was lost in its Begin
	added  bool      // the loop has it

	// mu is held while the descriptor is used, which never waits: once it is free the
	// system gives its number to another connection. It is locked before loop.mu.
	mu sync.Mutex
	// left is true if the descriptor is not the connection's any more.
	left bool
	// closed is true if Close has freed the descriptor, until the handler finds out.
	closed bool
}

// noteLocked notes that there is something to read. It returns true if the connection
// is to begin. loop.mu is held.
func (c *Conn) noteLocked(ended bool) bool {
	c.ended = c.ended || ended
	if c.atTurn {
		c.more = true
		return false
	}
	c.atTurn, c.readable, c.drained = true, true, !c.ended
	return true
}

// restLocked ends a connection's turn, unless there is more to read: then it returns
// true. loop.mu is held.
func (c *Conn) restLocked() (again bool) {
	if c.more {
		c.more, c.readable, c.drained = false, true, !c.ended
	}
	c.atTurn = c.readable
	return c.readable
}

// Read reads what there is, without waiting. It returns ErrNothing if there is
// nothing, and io.EOF at the end.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if c.left {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	n, err := read(c.fd, p)
	c.mu.Unlock()
	if err == ErrNothing || err == nil && n < len(p) && c.drained {
		c.readable = false
	}
	return n, err
}

// Write writes what can be written without waiting.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return 0, net.ErrClosed
	}
	for n < len(p) {
		var written int
		written, err = Write(c.fd, p[n:])
		n += written
		if err != nil {
			break
		}
	}
	if err == ErrNothing {
		err = nil
	}
	return n, err
}

// Leave takes the connection out of its loop and returns it as one of the runtime's. If
// that fails the connection is closed. After Close it returns net.ErrClosed.
func (c *Conn) Leave() (*net.TCPConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.takeOutLocked() {
		return nil, net.ErrClosed
	}
	return restore(c.fd)
}

// End closes the connection. It is for whoever is at its turn.
func (c *Conn) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.takeOutLocked() {
		closeFD(c.fd)
	}
}

// takeOutLocked takes the connection out of its loop. It returns true if the caller gets
// the descriptor. c.mu is held.
func (c *Conn) takeOutLocked() bool {
	if c.loop != nil {
		c.loop.remove(c)
	}
	had := !c.left
	c.left, c.closed = true, false
	return had
}

// Close implements net.Conn. It frees the descriptor, and may be called at any time, by
// any goroutine. The handler gets net.ErrClosed when it reads or writes next, which is
// soon, and calls End.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return nil
	}
	c.left, c.closed = true, true
	if c.loop != nil {
		c.loop.close(c)
	}
	shutdown(c.fd) // a duplicate in a process that is about to begin keeps nothing open
	closeFD(c.fd)
	return nil
}

// Recall makes the handler's Quiet be called soon. It may be called at any time after
// Start, by any goroutine, and does nothing if that has failed.
func (c *Conn) Recall() {
	l := c.loop
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c.called, l.recalls = true, true
	l.wakeLocked()
}

// over reports whether the peer has closed its side or the connection is broken, and all
// that was sent has been read, or whether Close was called. It may be called by any goroutine.
func (c *Conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed || !c.left && atEnd(c.fd)
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn. No method waits, so that there is nothing to end.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
