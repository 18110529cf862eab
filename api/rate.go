package api

import (
	"sync/atomic"
	"time"
)

// rate admits a number of calls in a second, and twice as many at once. The
// zero value is ready.
type rate struct {
	next atomic.Int64 // when the next call would be due if none came at once, in ns since the server's start
}

// take admits a call at a time since the server's start, or returns how long to
// wait for the next attempt.
func (r *rate) take(now time.Duration, perSecond int) (wait time.Duration) {
	each := time.Second / time.Duration(perSecond)
	for {
		next := r.next.Load()
		due := max(time.Duration(next), now)
		if early := due - now - (2*time.Second - each); early > 0 {
			return early
		}
		if r.next.CompareAndSwap(next, int64(due+each)) {
			return 0
		}
	}
}

// lived is the time since the server's start by the steady clock.
func (s *Server) lived() time.Duration { return time.Since(s.born) }

// looks reports whether calls of the route only look at the server.
func (rt *route) looks() bool {
	return rt.kind == adminRead || rt.kind == telemetry && rt.pattern != unmatched
}

// takeLook refuses a call that looks at the server if its key does so too often.
func (s *Server) takeLook(c *call) error {
	most := s.opts.Limits.AdminReads
	if most == 0 || !c.route.looks() {
		return nil
	}
	looks := &s.looks
	if a := s.ring.Load().accounts[c.key]; a != nil {
		looks = &a.looks
	}
	wait := looks.take(s.lived(), most)
	if wait == 0 {
		return nil
	}
	e := capReached("max_admin_reads_per_second", int64(most), "scrapes and admin reads per second with this key")
	e.RetryAfter = wait
	return e
}

const (
	// wrongKeys is how many calls with a wrong key are answered in a second
	// without a delay.
	wrongKeys = 10
	// wrongKeyWaits is how many of the others may wait at a time.
	wrongKeyWaits = 64
)

// wrongs slows down callers that try keys. Its memory is constant, and callers
// with a right key do not notice it.
type wrongs struct {
	rate    rate
	waiting tally
}

// slow delays the answer to a call with a wrong key. If too many are delayed
// already, the answer ends the connection instead: another one costs the caller
// as much.
func (s *Server) slow(c *call) {
	delay := s.opts.Limits.WrongKeyDelay
	if delay == 0 || s.wrongs.rate.take(s.lived(), wrongKeys) == 0 {
		return
	}
	if !s.wrongs.waiting.take(wrongKeyWaits) {
		c.hangUp = true
		return
	}
	defer s.wrongs.waiting.give()
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.r.Context().Done():
	case <-s.ctx.Done():
	}
}
