// Package http1 serves HTTP/1.1 at the price of its system calls. A connection
// begins in a loop of this package, which reads requests of a strict subset of
// HTTP/1.1 and answers them with the handler of an http.Server. At the first
// request that is anything else, the connection is handed over with all bytes that
// have not been answered to that http.Server, for good: what is unusual, malformed
// or another protocol is answered by net/http alone, and nothing is ever
// understood in two ways.
//
// The subset: one of seven methods, a target that begins with a slash, version
// 1.1, one Host, at most one Content-Length, which is small, no transfer coding,
// upgrade or expectation, lines that end in CR LF, a header that arrives in one
// piece and fits into the first buffer.
package http1

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/api/eventloop"
)

// Server is an http.Server whose cleartext connections begin in this package.
// The handler, the timeouts and the error log are those of the http.Server. Serve
// expects a listener of conns.Set.Listen: other connections, and those of ServeTLS,
// are served by net/http.
//
// Handlers may use http.ResponseController for Flush, for deadlines and for
// EnableFullDuplex. They must not use the request or the ResponseWriter after they
// have returned, except as Leave allows.
type Server struct {
	*http.Server
	// Brief reports whether the handler of a request with a small body calls Later, or
	// answers, without waiting for long before. Connections that send
	// one such request after the other are served in loops.
	Brief func(*http.Request) bool
	// Hot is when they are.
	Hot eventloop.Hot
	// Loops are those loops. Other protocols of the same listeners may share them.
	Loops    *eventloop.Group
	stopping atomic.Bool // Shutdown or Close was called

	mu    sync.Mutex // guards what follows
	conns map[*conn]struct{}
	empty chan struct{} // closed when there are no conns; nil before Shutdown
}

// New returns a server of a configured http.Server.
func New(srv *http.Server) *Server {
	return &Server{
		Server: srv, conns: map[*conn]struct{}{}, Loops: NewLoops(), Hot: eventloop.UsuallyHot,
		Brief: func(*http.Request) bool { return false },
	}
}

// NewLoops returns the loops for a server.
func NewLoops() *eventloop.Group { return eventloop.NewGroup(runtime.GOMAXPROCS(0)) }

// Serve accepts connections from l and serves them until Shutdown or Close. It
// returns http.ErrServerClosed, or the error of the listener unless that is
// net.ErrClosed: a listener that ends in an orderly way leaves its connections.
func (s *Server) Serve(l net.Listener) error {
	over := &handover{Listener: l, conns: make(chan net.Conn), closed: make(chan struct{})}
	go s.accept(l, over)
	return s.Server.Serve(over)
}

func (s *Server) accept(l net.Listener, over *handover) {
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			over.fail(err)
			return
		}
		go s.begin(nc, over)
	}
}

// begin serves a new connection.
func (s *Server) begin(nc net.Conn, over *handover) {
	c := s.newConn(nc, over)
	if c == nil {
		over.pass(nc)
		return
	}
	s.track(c)
	s.proceed(c, nil)
}

// proceed serves a connection. last, unless nil, is what is left of an answer.
func (s *Server) proceed(c *conn, last func()) {
	rest, then := c.serve(last)
	if then != nil && c.handle(then) {
		return // the answer goes on; its end comes here again
	}
	defer s.forget(c)
	defer c.end()
	if rest != nil {
		c.leave(rest)
		c.over.pass(c.nc)
	}
}

func (s *Server) track(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.emptyLocked()
}

// emptyLocked ends Shutdown's wait if there are no connections.
func (s *Server) emptyLocked() {
	if s.empty == nil || len(s.conns) > 0 {
		return
	}
	select {
	case <-s.empty:
	default:
		close(s.empty)
	}
}

// all returns the connections of the subset.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// Shutdown closes the listeners and the connections that wait for a request, and
// waits until the requests in progress are answered, or until ctx is done.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	s.Loops.End()
	for _, c := range s.all() {
		c.interrupt()
	}
	err := s.Server.Shutdown(ctx)
	s.mu.Lock()
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	empty := s.empty
	s.emptyLocked()
	s.mu.Unlock()
	select {
	case <-empty:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}

// Close closes the listeners and all connections.
func (s *Server) Close() error {
	s.stopping.Store(true)
	err := s.Server.Close()
	for _, c := range s.all() {
		c.cut()
	}
	return err
}

// handover is the listener from which net/http gets the connections that are
// handed over.
type handover struct {
	net.Listener
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{} // closed by Close and fail
	err    error         // why Accept ends; set before closed is closed
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case nc := <-h.conns:
		return nc, nil
	case <-h.closed:
		return nil, h.err
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.fail(net.ErrClosed)
	return h.Listener.Close()
}

func (h *handover) fail(err error) {
	h.once.Do(func() {
		h.err = err
		close(h.closed)
	})
}

// pass hands a connection over. After the end of the listener the connection is
// closed, as net/http does with requests that come so late.
func (h *handover) pass(nc net.Conn) {
	select {
	case h.conns <- nc:
	case <-h.closed:
		_ = nc.Close()
	}
}
