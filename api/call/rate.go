package call

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
func (b *Bounds) lived() time.Duration { return time.Since(b.born) }

// takeLook refuses a call that looks at the server if its key does so too often.
func (c *Call) takeLook() error {
	most := c.bounds.limits.AdminReads
	if most == 0 || !c.Route.looks() {
		return nil
	}
	looks := &c.bounds.looks
	if a := c.bounds.ring.Load().accounts[c.Key]; a != nil {
		looks = &a.looks
	}
	wait := looks.take(c.bounds.lived(), most)
	if wait == 0 {
		return nil
	}
	e := CapReached("max_admin_reads_per_second", int64(most), "scrapes and admin reads per second with this key")
	e.RetryAfter = wait
	return e
}

const (
	// undelayed is how many calls with a wrong key are answered in a second
	// without a delay.
	undelayed = 10
	// mostDelayed is how many of the others may wait at a time.
	mostDelayed = 64
)

// wrongs slows down callers that try keys. Its memory is constant, and callers
// with a right key do not notice it.
type wrongs struct {
	rate    rate
	waiting tally
}

// Slow delays the answer to a call with a wrong key. If too many are delayed
// already, the answer ends the connection instead: another one costs the caller
// as much.
func (c *Call) Slow() {
	delay := c.bounds.limits.WrongKeyDelay
	if delay == 0 || c.bounds.wrongs.rate.take(c.bounds.lived(), undelayed) == 0 {
		return
	}
	if !c.bounds.wrongs.waiting.take(mostDelayed) {
		c.hangUp = true
		return
	}
	defer c.bounds.wrongs.waiting.give()
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.Request.Context().Done():
	case <-c.bounds.ctx.Done():
	}
}
