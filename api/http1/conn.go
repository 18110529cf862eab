package http1

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/eventloop"
)

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// conn is a connection whose requests have all been of the subset. Between
// requests it has no buffer.
type conn struct {
	server *Server
	over   *handover
	nc     *conns.Conn
	tcp    *net.TCPConn
	// What Lasting.Try needs is together: raw, the function for it, what is left to write,
	// and the error.
	raw     syscall.RawConn
	putNow  func(fd uintptr)
	putting []byte
	putErr  error

	cancel context.CancelFunc // of the context of all requests
	blank  http.Request       // a request with what all have in common
	work   *work              // nil while the connection waits, and while an answer that lasts does
	posted bool               // the last request was a POST
	asked  bool               // a request was answered
	left   bool               // the connection was handed over

	// looped is the connection while a loop serves it: then it has no goroutine, no
	// deadlines, and neither tcp nor raw. loopKind is the kind of the loop.
	looped   *eventloop.Conn
	loopKind eventloop.Kind
	heat     eventloop.Heat
	unsent   []byte    // of the last answer that a loop wrote
	partial  time.Time // when the first part of a request came in a loop; zero if none is there

	request  http.Request
	response response

	// attempt, peek and put are functions for raw, made once as putNow is; err, peeked and
	// putErr are what they find.
	attempt, peek, put func(fd uintptr) bool
	err, peeked        error

	mu       sync.Mutex // guards what follows, and setting deadlines
	waiting  bool       // for a request
	reads    deadline
	writes   deadline
	watching watching
}

// newConn returns the connection for nc, or nil if it has to be net/http's.
func (s *Server) newConn(nc net.Conn, over *handover) *conn {
	counted, _ := nc.(*conns.Conn)
	if counted == nil || !supported {
		return nil
	}
	tcp := counted.TCP()
	if tcp == nil {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	c := &conn{server: s, over: over, nc: counted, tcp: tcp, raw: raw}
	ctx := context.Background()
	if s.ConnContext != nil {
		ctx = s.ConnContext(ctx, nc)
	}
	ctx, c.cancel = context.WithCancel(ctx)
	c.blank = *(&http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: tcp.RemoteAddr().String()}).WithContext(ctx)
	c.response.conn = c
	c.attempt, c.peek, c.put = c.tryRead, c.tryPeek, c.tryWrite
	c.putNow = c.tryOnce
	c.reads.set, c.writes.set = tcp.SetReadDeadline, tcp.SetWriteDeadline
	c.watching.init(c)
	return c
}

// serve is run, except that no mistake in it ends the process.
func (c *conn) serve(last func()) (rest []byte, then func()) {
	defer func() { c.logPanic(recover()) }()
	return c.run(last)
}

// entered is what to call when a loop has got the connection: there is nothing left to
// do.
func entered() {}

// run answers requests until the connection ends, or until it gets something
// that is no request of the subset: then it returns that, and all that follows. It
// also returns at an answer that goes on without the connection's goroutine, and when
// the connection goes on in a loop: then is what to call. last, unless nil, is
// what is left of such an answer.
func (c *conn) run(last func()) (rest []byte, then func()) {
	timeout := c.server.ReadHeaderTimeout
	sent := c.sendRest() == nil
	if last != nil {
		c.response.then, c.response.aside = nil, nil
		if !c.conclude(c.handle(last)) {
			return nil, nil
		}
	}
	if !sent || c.response.close {
		return nil, nil
	}
	for {
		if c.asked {
			timeout = c.server.IdleTimeout
		}
		if c.work == nil || len(c.work.in) == 0 {
			if c.heat.Is(&c.server.Hot) && c.enter() {
				return nil, entered
			}
			if !c.fill(timeout) {
				return nil, nil
			}
		}
		for c.skipLines(); len(c.work.in) > 0; c.skipLines() {
			if !c.read() {
				return c.work.in, nil
			}
			if !c.answer() {
				return nil, c.response.then
			}
		}
	}
}

// fill waits for bytes. It reports false if none come: the client or the time is
// over, or the server stops.
func (c *conn) fill(timeout time.Duration) bool {
	c.mu.Lock()
	last := c.server.stopping.Load()
	if !last {
		now := time.Now()
		c.heat.Next(&c.server.Hot, now)
		c.reads.atLeast(now, timeout)
		c.waiting = true
	}
	c.mu.Unlock()
	if !last {
		err := c.raw.Read(c.attempt)
		c.mu.Lock()
		c.waiting = false
		c.mu.Unlock()
		if err == nil {
			return c.err == nil
		}
		if !c.server.stopping.Load() {
			return false
		}
	}
	// The server stops. What has arrived is still answered.
	c.err = io.EOF
	if c.raw.Control(func(fd uintptr) { c.tryRead(fd) }) != nil {
		return false
	}
	return c.work != nil && len(c.work.in) > 0
}

// tryRead reads into a buffer if there is something to read. It returns false to
// be called again then.
func (c *conn) tryRead(fd uintptr) bool {
	w := c.borrow()
	n, err := readNow(fd, w.buffer[:])
	if err == errNothing {
		c.release()
		return false
	}
	c.err = err
	w.in = w.buffer[:n]
	return true
}

// borrow returns the buffers of the connection, and takes some if it has none.
func (c *conn) borrow() *work {
	if c.work == nil {
		c.work = works.Get().(*work)
		c.work.body.begin(c, 0)
	}
	return c.work
}

// release gives the buffers back.
func (c *conn) release() {
	if w := c.work; w != nil {
		c.work = nil
		w.reset()
		works.Put(w)
	}
}

// skipLines leaves out line ends that old clients send after the body of a POST, as
// net/http does.
func (c *conn) skipLines() {
	w := c.work
	for i := 0; c.posted && i < 4 && len(w.in) > 0 && (w.in[0] == '\r' || w.in[0] == '\n'); i++ {
		w.in = w.in[1:]
	}
}

// endOfHeader is what a header ends with.
var endOfHeader = []byte("\r\n\r\n")

// read makes a request of the first bytes that came. It reports false if they are
// not a request of the subset with all of its header.
func (c *conn) read() bool {
	w := c.work
	i := bytes.Index(w.in, endOfHeader)
	if i < 0 {
		return false
	}
	if !w.understand(w.in[:i+2]) {
		return false
	}
	w.in = w.in[i+len(endOfHeader):]
	h := &w.head
	r := &c.request
	*r = c.blank
	r.Method, r.RequestURI, r.Host, r.Close, r.ContentLength = h.method, h.target, h.host, h.close, h.length
	r.URL, r.Header = &w.url, w.header
	c.posted = h.method == http.MethodPost
	w.body.begin(c, h.length)
	r.Body = http.NoBody
	if h.length > 0 {
		r.Body = &w.body
	}
	return true
}

// answer calls the handler and sends its answer. It reports false if the
// connection ends with it, or if the answer goes on without the handler: then
// response.then is set.
func (c *conn) answer() bool {
	c.response.begin()
	if c.work.body.left == 0 {
		c.watching.arm()
	} else {
		c.mu.Lock()
		c.reads.exactly(time.Now(), c.server.ReadTimeout)
		c.mu.Unlock()
	}
	whole := c.handle(func() { c.server.Handler.ServeHTTP(&c.response, &c.request) })
	if whole && c.response.then != nil {
		return false
	}
	return c.conclude(whole)
}

// conclude ends an answer whose handler has returned; whole is false if that has
// panicked. It reports false if the connection ends with it.
func (c *conn) conclude(whole bool) bool {
	c.response.then, c.response.aside = nil, nil
	whole = whole && c.response.finish() == nil
	if c.looped == nil {
		c.watching.stop()
	}
	whole = whole && c.work.body.drain() && !c.response.close
	if c.looped == nil {
		c.mu.Lock()
		c.reads.settle()
		c.writes.settle()
		c.mu.Unlock()
	}
	if !whole {
		return false
	}
	if c.response.brief {
		c.heat.Brief(c.response.kind)
	} else {
		c.heat.Other()
	}
	c.asked = true
	c.work.next()
	c.nc.Rest()
	return true
}

// handle calls the handler, or the last of it. It reports false if that panics.
func (c *conn) handle(handler func()) (returned bool) {
	defer func() {
		if !returned {
			c.logPanic(recover())
		}
	}()
	handler()
	return true
}

// logPanic logs what was recovered, unless a handler has ended the connection by
// it.
func (c *conn) logPanic(recovered any) {
	if recovered == nil || recovered == http.ErrAbortHandler {
		return
	}
	c.server.logf("http1: panic serving %s: %v\n%s", c.blank.RemoteAddr, recovered, debug.Stack())
}

func (s *Server) logf(format string, args ...any) {
	if s.ErrorLog != nil {
		s.ErrorLog.Printf(format, args...)
	}
}

// interrupt ends the wait for a request.
func (c *conn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting {
		c.reads.override(longAgo)
	}
}

// cut closes the connection at once. It is closed first: a handler whose context
// ends may answer.
func (c *conn) cut() {
	_ = c.nc.Close()
	c.cancel()
}

// leave prepares the connection for net/http, which reads rest first.
func (c *conn) leave(rest []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads.override(time.Time{})
	c.writes.override(time.Time{})
	c.nc.Unread(bytes.Clone(rest))
	c.left = true
}

// end closes the connection unless it was handed over.
func (c *conn) end() {
	c.cancel()
	c.release()
	if !c.left {
		_ = c.nc.Close()
	}
}
