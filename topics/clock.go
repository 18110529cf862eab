package topics

import (
	"sync"
	"sync/atomic"
	"time"
)

// clock reads time in two ways. Records are stamped with the wall clock, which
// may be wrong and may be set to another time. The age of a record or a key is
// measured on the steady clock, which starts at the wall clock's time and then
// counts the time that passes: when the wall clock jumps, nothing becomes older
// or younger. While the wall clock does not jump, both are the same.
type clock struct {
	read   func() (wall, elapsed int64) // Unix ms; ms since some moment
	origin atomic.Pointer[clockOrigin]
	mu     sync.Mutex // held while origin is replaced
}

type clockOrigin struct {
	gap   int64 // wall - elapsed
	ahead int64 // wall - steady
}

// moment is a time on both clocks, in Unix ms.
type moment struct{ wall, steady int64 }

// ahead returns how far the wall clock is ahead of the steady one.
func (m moment) ahead() int64 { return m.wall - m.steady }

// A step of the wall clock relative to the time that passes is a jump if it is
// larger than maxStep. A smaller one counts as time. noticedStep keeps the drift
// between the two clocks from adding up to a jump.
const (
	maxStep     = 1000
	noticedStep = 100
)

// newClock returns a clock. read returns the wall clock's time in Unix ms, and the ms
// since some moment.
func newClock(read func() (wall, elapsed int64)) *clock {
	c := &clock{read: read}
	wall, elapsed := read()
	c.origin.Store(&clockOrigin{gap: wall - elapsed})
	return c
}

// now returns the time on both clocks.
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

// systemClock returns a function that reads both clocks of the system at one
// moment.
func systemClock() func() (wall, elapsed int64) {
	began := time.Now()
	return func() (wall, elapsed int64) {
		now := time.Now()
		return now.UnixMilli(), now.Sub(began).Milliseconds()
	}
}

// onlyWall returns a function that reads a wall clock and counts its forward
// steps as the time that passes.
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
