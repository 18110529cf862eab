// Package conns bounds the connections of a server. At the bound a connection
// that waits for its client gives way to a new one: first those that have not
// sent a request for a while, then the kept-alive ones, the longest waiting
// first. When all of them are at work, a few more are let in, so that probes
// and operators are answered; what else comes over these is for the server to
// refuse. Of the few the oldest gives way to a new one, whatever it does: that
// no client can hold them up matters more than any answer.
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

// firstChance is how long a new connection has at least for its first request,
// however many come after it: they wait in the kernel's queue.
// Beyond the bound a probe's answer needs less, and other probes wait.
const (
	firstChance = 250 * time.Millisecond
	extraChance = 10 * time.Millisecond
)

// Set is the open connections of a server, whatever listeners they came by.
type Set struct {
	// Refuse renders an answer that net/http gives by itself to what it cannot
	// read; nil: it stays as it is. It is set before the Set is used.
	Refuse func(status int, message string) []byte
	bounds Bounds

	now func() time.Time
	log zerolog.Logger

	mu       sync.Mutex
	bound    int
	open     int
	extras   list.List // of *Conn let in beyond the bound, the oldest first
	fresh    list.List // of *Conn that have not sent a request, the longest waiting first
	idle     list.List // of *Conn that wait for their next request, likewise
	busy     list.List // of *Conn with requests that are not Counted, the first to have any first
	requests int       // of those in busy
	unread   int64     // bytes of headers that are not whole, in pieces
	shed     uint64
	refused  uint64
}

// NewSet makes a Set without a bound.
func NewSet(log zerolog.Logger) *Set {
	return &Set{now: time.Now, log: log, bound: math.MaxInt, bounds: unbounded}
}

// Stats are counters of a Set.
type Stats struct {
	Open    int
	Bound   int    // math.MaxInt: there is none
	Shed    uint64 // closed to make room, most of them while they waited for their client
	Refused uint64 // closed, at work or not: there were too many beyond the bound
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
	for s.open-s.extras.Len() > s.bound {
		c := s.longestWaitingLocked()
		if c == nil {
			break
		}
		s.dismissLocked(c)
		gone = append(gone, c)
	}
	s.mu.Unlock()
	closeAll(gone)
}

// closeAll closes connections that have given way. Their clients find out by
// themselves.
func closeAll(gone []*Conn) {
	for _, c := range gone {
		_ = c.Conn.Close()
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

// admit takes a new connection in.
func (s *Set) admit(nc net.Conn) *Conn {
	c := &Conn{Conn: nc, set: s}
	s.mu.Lock()
	var gone []*Conn
	if !s.roomLocked() {
		if waiting := s.longestWaitingLocked(); waiting != nil {
			s.dismissLocked(waiting)
			gone = append(gone, waiting)
		}
	}
	if !s.roomLocked() {
		if s.extras.Len() >= Spare {
			oldest := front(&s.extras)
			oldest.leaveLocked()
			s.refused++
			gone = append(gone, oldest)
		}
		c.extra = s.extras.PushBack(c)
	}
	s.open++
	c.waitLocked(&s.fresh)
	s.mu.Unlock()
	closeAll(gone)
	return c
}

// crowded is how long the next connection has to wait to be let in. It is not 0
// only in a flood: when one that has just come would have to give way to it.
func (s *Set) crowded() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roomLocked() {
		return 0
	}
	switch c := s.longestWaitingLocked(); {
	case c != nil && c.line == &s.fresh:
		return firstChance - s.now().Sub(c.since)
	case c == nil && s.extras.Len() >= Spare:
		return extraChance - s.now().Sub(front(&s.extras).since)
	}
	return 0
}

// roomLocked reports whether there is room for one more regular connection.
func (s *Set) roomLocked() bool { return s.open-s.extras.Len() < s.bound }

// giveWay closes the connection that is missed least, if there is one: the
// longest waiting, or else the oldest of those beyond the bound.
func (s *Set) giveWay() bool {
	s.mu.Lock()
	c := s.longestWaitingLocked()
	for _, line := range []*list.List{&s.fresh, &s.extras} {
		if c == nil {
			c = front(line)
		}
	}
	if c != nil {
		s.dismissLocked(c)
	}
	s.mu.Unlock()
	if c == nil {
		return false
	}
	closeAll([]*Conn{c})
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
		if c := e.Value.(*Conn); c.extra == nil {
			return c
		}
	}
	return nil
}

// dismissLocked takes out a connection that is to be closed to make room.
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
