package http1

import (
	"bytes"
	"time"

	"github.com/e6e95bb8/topics/api/eventloop"
)

// Later lets a handler return before its answer is begun, if the connection has no
// goroutine of its own: then finish, which may wait and answers, is called after other
// requests have been begun, and Later returns true. Otherwise it returns
// false and does nothing. waits is whether finish waits for a sync.
//
// Until finish returns the request and the ResponseWriter are the handler's.
func (w *response) Later(waits bool, finish func()) bool {
	w.brief, w.kind = true, eventloop.Quick
	if waits {
		w.kind = eventloop.Synced
	}
	if w.conn.looped == nil {
		return false
	}
	w.later = finish
	return true
}

// enter gives the connection to a loop. It returns false if it stays with its
// goroutine, which otherwise must not use it any more.
func (c *conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server.stopping.Load() {
		return false
	}
	looped, err := c.server.Loops.Take(c.tcp)
	if err != nil {
		c.heat.Punish(&c.server.Hot)
		return false
	}
	c.release()
	c.nc.Replace(looped)
	c.looped, c.loopKind = looped, c.heat.Kind
	if c.server.Loops.Start(looped, c.loopKind, c) == nil {
		return true
	}
	c.heat.Punish(&c.server.Hot)
	_ = c.leaveLoopLocked() // if it is broken, the next read says so
	return false
}

// leaveLoop makes the connection one with deadlines again.
func (c *conn) leaveLoop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaveLoopLocked()
}

func (c *conn) leaveLoopLocked() error {
	tcp, err := c.looped.Leave()
	if err != nil {
		return err
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	c.looped, c.tcp, c.raw = nil, tcp, raw
	c.reads, c.writes = deadline{set: tcp.SetReadDeadline}, deadline{set: tcp.SetWriteDeadline}
	c.nc.Replace(tcp)
	return nil
}

// Begin implements eventloop.Handler.
func (c *conn) Begin() (next eventloop.Next) {
	defer func() { c.survive(recover(), &next) }()
	w := c.borrow()
	had := copy(w.buffer[:], w.in) // less than what fits
	n, err := c.looped.Read(w.buffer[had:])
	w.in = w.buffer[:had+n]
	switch {
	case err == eventloop.ErrNothing && had == 0:
		c.release()
		return eventloop.Wait
	case err == eventloop.ErrNothing:
		return eventloop.Wait
	case err != nil && had == 0:
		return c.drop()
	case err != nil:
		return c.giveAway(nil) // what is an answer to a part of a request is not decided here
	}
	return c.advance()
}

// Finish implements eventloop.Handler.
func (c *conn) Finish() (next eventloop.Next) {
	defer func() { c.survive(recover(), &next) }()
	later := c.response.later
	c.response.later = nil
	if c.response.kind > c.loopKind {
		c.heat.Punish(&c.server.Hot)
		return c.giveAway(later) // it would hold up the others
	}
	if !c.conclude(c.handle(later)) {
		return c.finishLast()
	}
	return c.advance()
}

// advance begins the next request of those that have been read. One that is not brief
// is left to a goroutine, as is all that follows one that was answered without Later,
// and the rest of an answer that does not fit into the socket.
func (c *conn) advance() eventloop.Next {
	w := c.work
	for len(c.unsent) == 0 {
		c.skipLines()
		if len(w.in) == 0 {
			break
		}
		if c.heat.Kind != c.loopKind && c.heat.Is(&c.server.Hot) {
			return c.giveAway(nil) // it belongs to the loops of the other kind now
		}
		in := w.in
		switch belongs, whole := c.readBrief(); {
		case !belongs:
			w.in = in
			c.heat.Punish(&c.server.Hot)
			return c.giveAway(nil)
		case !whole:
			w.in = in
			return eventloop.Wait
		}
		c.response.begin()
		whole := c.handle(func() { c.server.Handler.ServeHTTP(&c.response, &c.request) })
		if whole && c.response.later != nil {
			return eventloop.Finish
		}
		if !c.conclude(whole) {
			return c.finishLast()
		}
		if !c.response.brief {
			c.heat.Punish(&c.server.Hot) // it may have waited
			return c.giveAway(nil)
		}
	}
	if len(c.unsent) > 0 {
		c.heat.Punish(&c.server.Hot)
		return c.giveAway(nil)
	}
	c.release()
	return eventloop.Wait
}

// readBrief makes a request of the first bytes that came. belongs is false if they are
// not, or not the beginning of, a brief request that fits into the buffer and comes
// soon; whole is false if more of it has to come.
func (c *conn) readBrief() (belongs, whole bool) {
	w, in := c.work, c.work.in
	switch {
	case c.read():
		head := len(in) - len(w.in)
		belongs = c.server.Brief(&c.request) && head+int(c.request.ContentLength) <= inputBuffer
		whole = w.body.left == 0
	case !bytes.Contains(in, endOfHeader):
		// A line that ends in LF alone may be the last one.
		belongs = len(in) < inputBuffer && bytes.Count(in, []byte("\n")) == bytes.Count(in, []byte("\r\n"))
	}
	if !belongs || whole {
		c.partial = time.Time{}
		return belongs, whole
	}
	now := time.Now()
	if c.partial.IsZero() {
		c.partial = now
	}
	return now.Sub(c.partial) < c.server.Loops.Quiet, false
}

// giveAway gives the connection back to a goroutine of its own. last, unless nil, is
// what is left of an answer.
func (c *conn) giveAway(last func()) eventloop.Next {
	if c.leaveLoop() != nil {
		if last != nil {
			c.handle(last) // it may have something to give back
		}
		return c.drop()
	}
	go c.server.proceed(c, last)
	return eventloop.Left
}

// finishLast ends the connection after its last answer. The rest of one that does not
// fit into the socket is left to a goroutine.
func (c *conn) finishLast() eventloop.Next {
	if c.response.close && len(c.unsent) > 0 {
		return c.giveAway(nil)
	}
	return c.drop()
}

// Quiet implements eventloop.Handler.
func (c *conn) Quiet() {
	c.heat.Other() // or it would be back at once
	c.giveAway(nil)
}

// Gone implements eventloop.Handler.
func (c *conn) Gone() { c.cancel() }

// drop ends a connection that is in a loop, or has just left it.
func (c *conn) drop() eventloop.Next {
	if c.looped != nil {
		c.looped.End()
	}
	c.end()
	c.server.forget(c)
	return eventloop.Left
}

// survive ends the connection if there was a mistake in this package.
func (c *conn) survive(recovered any, next *eventloop.Next) {
	if recovered != nil {
		c.logPanic(recovered)
		*next = c.drop()
	}
}

// putLooped writes an answer without waiting. What the client does not take at once is kept
// for the goroutine that the connection gets then.
func (c *conn) putLooped(parts ...[]byte) error {
	for _, p := range parts {
		if len(c.unsent) > 0 {
			c.unsent = append(c.unsent, p...)
			continue
		}
		n, err := c.looped.Write(p)
		if err != nil {
			return err
		}
		c.unsent = append(c.unsent, p[n:]...)
	}
	return nil
}

// sendRest writes what the client has not taken of the last answer.
func (c *conn) sendRest() error {
	rest := c.unsent
	c.unsent = nil
	if len(rest) == 0 {
		return nil
	}
	c.mu.Lock()
	c.writes.atLeast(time.Now(), c.server.WriteTimeout)
	c.mu.Unlock()
	_, err := c.tcp.Write(rest)
	return err
}
