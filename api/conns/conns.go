// Package conns bounds the connections of a server. At the bound a connection
// that waits for its client gives way to a new one: first those that have not
// sent a request for a while, then the kept-alive ones, the longest waiting
// first. When all of them are at work, a few more are let in, so that probes
// and operators are answered; what else comes over these is for the server to
// refuse.
package conns

import (
	"container/list"
	"context"
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Spare is how many connections beyond the bound are let in while all others
// are at work.
const Spare = 32

// grace is how long a new connection may take to send its first request before
// it gives way to any other. While more than Spare connections wait for their
// first request there is none: that many do not belong to probes.
const grace = 500 * time.Millisecond

// Set is the open connections of a server, whatever listeners they came by.
type Set struct {
	now func() time.Time
	log zerolog.Logger

	mu      sync.Mutex
	bound   int
	open    int
	extra   int       // of the open ones, those let in beyond the bound
	fresh   list.List // of *Conn that have not sent a request, the longest waiting first
	idle    list.List // of *Conn that wait for their next request, likewise
	shed    uint64
	refused uint64
}

// NewSet makes a Set without a bound.
func NewSet(log zerolog.Logger) *Set {
	return &Set{now: time.Now, log: log, bound: math.MaxInt}
}

// Stats are counters of a Set.
type Stats struct {
	Open    int
	Bound   int    // math.MaxInt: there is none
	Shed    uint64 // closed while they waited for their client, to make room
	Refused uint64 // closed at once: every other one was at work
}

// Stats returns the present counters.
func (s *Set) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Open: s.open, Bound: s.bound, Shed: s.shed, Refused: s.refused}
}

// SetBound changes how many connections there may be. Waiting ones beyond it
// are closed.
func (s *Set) SetBound(n int) {
	var gone []*Conn
	s.mu.Lock()
	s.bound = n
	for s.open-s.extra > s.bound {
		c := s.longestWaitingLocked()
		if c == nil {
			break
		}
		s.dismissLocked(c)
		gone = append(gone, c)
	}
	s.mu.Unlock()
	for _, c := range gone {
		_ = c.Conn.Close() // it has no request under way
	}
}

// Configure makes an HTTP server keep account of what its connections do. Its
// listener must be one of Listen's.
func (s *Set) Configure(srv *http.Server) {
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		return context.WithValue(ctx, contextKey{}, under(nc))
	}
	// Only once the answer has been sent does a connection wait again: a
	// handler that has returned is no sign of that.
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if c := under(nc); c != nil && state == http.StateIdle {
			c.rest()
		}
	}
}

// under is the Conn that nc is, or that TLS makes it of; nil if there is none.
func under(nc net.Conn) *Conn {
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	c, _ := nc.(*Conn)
	return c
}

type contextKey struct{}

// Of returns the connection that a request came over; nil if it did not come
// by a listener of Listen.
func Of(r *http.Request) *Conn {
	c, _ := r.Context().Value(contextKey{}).(*Conn)
	return c
}

// admit takes a new connection in; nil if there is no room for it.
func (s *Set) admit(nc net.Conn) *Conn {
	s.mu.Lock()
	var gone *Conn
	if !s.roomLocked() {
		if gone = s.longestWaitingLocked(); gone == nil && s.extra >= Spare {
			gone = front(&s.fresh)
		}
		if gone != nil {
			s.dismissLocked(gone)
		}
	}
	extra := !s.roomLocked()
	if extra && s.extra >= Spare {
		s.refused++
		s.mu.Unlock()
		_ = nc.Close() // nothing has been sent
		return nil
	}
	c := &Conn{Conn: nc, set: s, extra: extra}
	s.open++
	if extra {
		s.extra++
	}
	c.waitLocked(&s.fresh)
	s.mu.Unlock()
	if gone != nil {
		_ = gone.Conn.Close() // it has no request under way
	}
	return c
}

// roomLocked reports whether there is room for one more regular connection.
func (s *Set) roomLocked() bool { return s.open-s.extra < s.bound }

// giveWay closes the longest waiting connection, if there is one.
func (s *Set) giveWay() bool {
	s.mu.Lock()
	c := s.longestWaitingLocked()
	if c == nil {
		c = front(&s.fresh)
	}
	if c != nil {
		s.dismissLocked(c)
	}
	s.mu.Unlock()
	if c == nil {
		return false
	}
	_ = c.Conn.Close() // it has no request under way
	return true
}

// longestWaitingLocked is the regular connection that gives way next; nil if all
// are at work or in their grace.
func (s *Set) longestWaitingLocked() *Conn {
	c := regular(&s.fresh)
	if c != nil && (s.fresh.Len() > Spare || s.now().Sub(c.since) >= grace) {
		return c
	}
	return regular(&s.idle)
}

// regular is the first of a line that was not let in beyond the bound: those
// may be about to ask for a probe.
func regular(line *list.List) *Conn {
	for e := line.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*Conn); !c.extra {
			return c
		}
	}
	return nil
}

// dismissLocked takes out a waiting connection that is to be closed.
func (s *Set) dismissLocked(c *Conn) {
	s.shed++
	c.leaveLocked()
}

func front(l *list.List) *Conn {
	if e := l.Front(); e != nil {
		return e.Value.(*Conn)
	}
	return nil
}
