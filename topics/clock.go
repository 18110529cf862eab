package topics

import (
	"sync"
	"sync/atomic"
	"time"
)

// clock tells the time in two ways. Records are stamped with the wall clock,
// which may be wrong, and be set to another time. How long a record or a key
// has been here is measured on the steady clock, which begins at the wall
// clock's time and from then on counts the time that passes: wherever the wall
// clock jumps to, nothing gets older by that, or younger. While the wall clock
// does not jump the two are the same.
type clock struct {
	read   func() (wall, elapsed int64) // Unix ms; ms since some moment
	origin atomic.Pointer[clockOrigin]
	mu     sync.Mutex // held while origin is replaced
}

type clockOrigin struct {
	gap   int64 // wall - elapsed
	ahead int64 // the wall clock is so far ahead of the steady clock
}

// moment is a time on both clocks, in Unix ms.
type moment struct{ wall, steady int64 }

func (m moment) ahead() int64 { return m.wall - m.steady }

// A step of the wall clock, against the time that passes, is a jump when it is
// larger than maxStep; a smaller one counts as time. noticedStep keeps the rate
// of two clocks from adding up to a step.
const (
	maxStep     = 1000
	noticedStep = 100
)

func newClock(read func() (wall, elapsed int64)) *clock {
	c := &clock{read: read}
	wall, elapsed := read()
	c.origin.Store(&clockOrigin{gap: wall - elapsed})
	return c
}

func (c *clock) now() moment {
	wall, elapsed := c.read()
	o := c.origin.Load()
	if step := wall - elapsed - o.gap; step > noticedStep || step < -noticedStep {
		o = c.step(wall - elapsed)
	}
	return moment{wall, wall - o.ahead}
}

func (c *clock) step(gap int64) *clockOrigin {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := *c.origin.Load()
	if step := gap - o.gap; step > maxStep || step < -maxStep {
		o.ahead += step
	}
	o.gap = gap
	c.origin.Store(&o)
	return &o
}

// systemClock reads both clocks at one moment.
func systemClock() func() (wall, elapsed int64) {
	began := time.Now()
	return func() (wall, elapsed int64) {
		now := time.Now()
		return now.UnixMilli(), now.Sub(began).Milliseconds()
	}
}

// onlyWall takes what a wall clock goes forward for time that passes.
func onlyWall(wall func() int64) func() (now, elapsed int64) {
	var mu sync.Mutex
	last, passed := wall(), int64(0)
	return func() (int64, int64) {
		mu.Lock()
		defer mu.Unlock()
		now := wall()
		passed += max(0, now-last)
		last = now
		return now, passed
	}
}

// now is the wall clock's time: timestamps are taken from it.
func (r *Registry) now() int64 { return r.clock.now().wall }

// steady is the steady clock's time: what is over goes by it.
func (r *Registry) steady() int64 { return r.clock.now().steady }
