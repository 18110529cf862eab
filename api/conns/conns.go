// Package conns bounds the connections of a server. At the bound, a connection
// that waits for its client is closed to admit a new one: first those that have
// not sent a request for a while, then kept-alive ones, in each case the one
// that has waited longest. If requests are in progress on all of them, a few
// extra connections are admitted, so that probes and operators are answered;
// the server must refuse other requests on them. At the limit of extra
// connections, the oldest is closed to admit a new one, even during a request:
// it matters most that no client can block them all.
package conns

import (
	"context"
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Spare is the number of extra connections that are admitted beyond the bound
// while requests are in progress on all others.
const Spare = 32

// grace is how long a connection may take to send its first request, or the one after an
// answer, before it can be closed to make room. If more than Spare connections wait there
// is no grace: so many cannot all be probes, or clients that were about to send.
const grace = 500 * time.Millisecond

// firstChance is the least time that a new connection has for its first request,
// however many others wait in the kernel's queue. Of a connection beyond the
// bound it is extraChance: a probe's answer needs no more, and other probes wait.
const (
	firstChance = 250 * time.Millisecond
	extraChance = 10 * time.Millisecond
)

// Set is the set of open connections of a server, of all its listeners.
type Set struct {
	// Refuse renders the answer to a request that net/http refuses by itself. If
	// it is nil, net/http's answer is sent. It must be set before the Set is used.
	Refuse func(status int, message string) []byte
	bounds Bounds

	now func() time.Time
	log zerolog.Logger

	mu       sync.Mutex
	bound    int
	open     int
	extras   line  // those beyond the bound, oldest first
	fresh    line  // those that have not sent a request, longest waiting first
	idle     line  // those that wait for their next request, likewise
	busy     line  // those with requests that are not Counted, longest busy first
	requests int   // sum over busy
	unread   int64 // bytes of incomplete headers, in pieces
	shed     uint64
	refused  uint64

	// eased is closed when a connection leaves or sends a request. It is nil if no
	// listener waits for that.
	eased     chan struct{}
	listeners []*listener
	finished  chan struct{} // closed when Finish need not wait; nil before Finish
}

// NewSet returns a Set without a bound.
func NewSet(log zerolog.Logger) *Set {
	return &Set{now: time.Now, log: log, bound: math.MaxInt, bounds: unbounded}
}

// Stats are the counters of a Set.
type Stats struct {
	Open    int
	Bound   int    // math.MaxInt if there is none
	Shed    uint64 // closed to make room, most of them while they waited for their client
	Refused uint64 // closed because there were too many beyond the bound
}

// Stats returns the current counters.
func (s *Set) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Open: s.open, Bound: s.bound, Shed: s.shed, Refused: s.refused}
}

// SetBound sets the maximum number of connections. Waiting connections beyond
// it are closed.
func (s *Set) SetBound(n int) {
	var gone []*Conn
	s.mu.Lock()
	s.bound = n
	for s.open-s.extras.Len() > s.bound {
		c := s.longestWaitingLocked()
		if c == nil {
			c = regular(&s.idle)
		}
		if c == nil {
			break
		}
		s.dismissLocked(c)
		gone = append(gone, c)
	}
	s.mu.Unlock()
	closeAll(gone)
}

// closeAll closes connections to make room. Their clients are not notified
// otherwise.
func closeAll(gone []*Conn) {
	for _, c := range gone {
		_ = c.handle().Close()
	}
}

// Configure makes srv track the state of its connections. Its listener must
// come from Listen.
func (s *Set) Configure(srv *http.Server) {
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		return context.WithValue(ctx, contextKey{}, under(nc))
	}
	// A connection waits again once its answer has been sent, which may be after
	// the handler has returned.
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if c := under(nc); c != nil && state == http.StateIdle {
			c.Rest()
		}
	}
}

// under returns the Conn that is nc or that TLS wraps, or nil.
func under(nc net.Conn) *Conn {
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	c, _ := nc.(*Conn)
	return c
}

type contextKey struct{}

// Of returns the connection of a request, or nil if its listener is not from
// Listen.
func Of(r *http.Request) *Conn {
	c, _ := r.Context().Value(contextKey{}).(*Conn)
	return c
}

// admit adds a new connection.
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
			oldest := s.extras.front()
			oldest.leaveLocked()
			s.refused++
			gone = append(gone, oldest)
		}
		s.extras.push(&c.extra, c)
	}
	s.open++
	c.waitLocked(&s.fresh)
	s.mu.Unlock()
	closeAll(gone)
	return c
}

// crowded returns how long the next connection must wait before it is admitted,
// and a channel that is closed when that may have changed. The time is positive
// only in a flood: when a connection that was just accepted would be closed to
// admit another one.
func (s *Set) crowded() (time.Duration, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.crowdedLocked()
	if d > 0 && s.eased == nil {
		s.eased = make(chan struct{})
	}
	return d, s.eased
}

func (s *Set) crowdedLocked() time.Duration {
	if s.roomLocked() {
		return 0
	}
	switch c := s.longestWaitingLocked(); {
	case c != nil && c.waiting.line == &s.fresh:
		return firstChance - s.now().Sub(c.since)
	case c == nil && s.extras.Len() >= Spare:
		return extraChance - s.now().Sub(s.extras.front().since)
	}
	return 0
}

// easeLocked wakes the listeners that wait for room.
func (s *Set) easeLocked() {
	if s.eased != nil {
		close(s.eased)
		s.eased = nil
	}
}

// roomLocked reports whether there is room for one more regular connection.
func (s *Set) roomLocked() bool { return s.open-s.extras.Len() < s.bound }

// giveWay closes the connection whose loss matters least: the longest waiting,
// or else the oldest extra one. It reports whether there was one.
func (s *Set) giveWay() bool {
	s.mu.Lock()
	c := s.longestWaitingLocked()
	for _, l := range []*line{&s.fresh, &s.idle, &s.extras} {
		if c == nil {
			c = l.front()
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

// longestWaitingLocked returns the next regular connection to close, or nil if
// all are in use or in their grace period.
func (s *Set) longestWaitingLocked() *Conn {
	// The extra ones may all be at work: then fewer than so many regular ones wait.
	crowd := s.fresh.Len()+s.idle.Len()-s.extras.Len() > Spare
	for _, l := range []*line{&s.fresh, &s.idle} {
		c := regular(l)
		if c != nil && (crowd || l.Len() > Spare || s.now().Sub(c.since) >= grace) {
			return c
		}
	}
	return nil
}

// regular returns the first connection of a line that is not an extra one; those
// may be about to send a probe.
func regular(l *line) *Conn {
	for p := l.first; p != nil; p = p.next {
		if !p.conn.extra.taken() {
			return p.conn
		}
	}
	return nil
}

// dismissLocked removes a connection that will be closed to make room.
func (s *Set) dismissLocked(c *Conn) {
	s.shed++
	c.leaveLocked()
}
