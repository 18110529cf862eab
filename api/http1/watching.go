package http1

import (
	"sync"
	"time"
)

// watchAfter is how long a handler runs before its client is watched. Most
// handlers need less, and cost nothing.
const watchAfter = 20 * time.Millisecond

// watching ends the context of a connection when its client goes while a handler
// runs. Its fields are guarded by the connection's mu.
type watching struct {
	conn    *conn
	timer   *time.Timer // calls look; nil before the first request
	armed   bool        // a handler runs that has its whole body
	looking bool        // the connection is being watched
	aborted bool        // stop waits for that to end
	looked  sync.Cond   // signalled when looking becomes false
}

func (w *watching) init(c *conn) {
	w.conn = c
	w.looked.L = &c.mu
}

// arm is called when the body has been read: until then there is a reader who
// notices that the client goes.
func (w *watching) arm() {
	w.conn.mu.Lock()
	w.armed = true
	w.conn.mu.Unlock()
	if w.timer == nil {
		w.timer = time.AfterFunc(watchAfter, w.look)
		return
	}
	w.timer.Reset(watchAfter)
}

// look watches until the client goes or sends something, or until stop. It takes
// nothing of what the client sends.
func (w *watching) look() {
	c := w.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !w.armed || w.looking {
		return // it comes late, and another request may be reading its body
	}
	w.looking = true
	c.reads.override(time.Time{})
	c.mu.Unlock()
	err := c.raw.Read(c.peek)
	if err == nil {
		err = c.peeked
	}
	c.mu.Lock()
	if err != nil && !w.aborted {
		c.cancel()
	}
	w.looking, w.aborted = false, false
	w.looked.Broadcast()
}

// stop is called after the handler. When it returns the connection is not being
// watched.
func (w *watching) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.conn.mu.Lock()
	defer w.conn.mu.Unlock()
	w.armed = false
	if w.looking {
		w.aborted = true
		w.conn.reads.override(longAgo)
	}
	for w.looking {
		w.looked.Wait()
	}
}

// tryPeek looks whether there is something to read, without taking it. It returns
// false to be called again then.
func (c *conn) tryPeek(fd uintptr) bool {
	var one [1]byte
	_, err := peekNow(fd, one[:])
	if err == errNothing {
		return false
	}
	c.peeked = err
	return true
}
