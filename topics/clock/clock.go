package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

// Clock reads time in two ways. Records are stamped with the wall clock, which
// may be wrong and may be set to another time. The age of a record or a key is
// measured on the steady clock, which starts at the wall clock's time and then
// counts the time that passes: when the wall clock jumps, nothing becomes older
// or younger. While the wall clock does not jump, both are the same.
type Clock struct {
	read   func() (wall, elapsed int64) // Unix ms; ms since some moment
	origin atomic.Pointer[clockOrigin]
	mu     sync.Mutex // held while origin is replaced
}

type clockOrigin struct {
	gap   int64 // wall - elapsed
	ahead int64 // wall - steady
}

// Moment is a time on both clocks, in Unix ms.
type Moment struct{ Wall, Steady int64 }

// Ahead returns how far the wall clock is ahead of the steady one.
func (m Moment) Ahead() int64 { return m.Wall - m.Steady }

// A step of the wall clock relative to the time that passes is a jump if it is
// larger than MaxStep. A smaller one counts as time. noticedStep keeps the drift
// between the two clocks from adding up to a jump.
const (
	MaxStep     = 1000
	noticedStep = 100
)

// New returns a clock. read returns the wall clock's time in Unix ms, and the ms
// since some moment.
func New(read func() (wall, elapsed int64)) *Clock {
	c := &Clock{read: read}
	wall, elapsed := read()
	c.origin.Store(&clockOrigin{gap: wall - elapsed})
	return c
}

// Now returns the time on both clocks.
func (c *Clock) Now() Moment {
	wall, elapsed := c.read()
	o := c.origin.Load()
	if step := wall - elapsed - o.gap; step > noticedStep || step < -noticedStep {
		o = c.step(wall - elapsed)
	}
	return Moment{wall, wall - o.ahead}
}

func (c *Clock) step(gap int64) *clockOrigin {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := *c.origin.Load()
	if step := gap - o.gap; step > MaxStep || step < -MaxStep {
		o.ahead += step
	}
	o.gap = gap
	c.origin.Store(&o)
	return &o
}

// System returns a function that reads both clocks of the system at one
// moment.
func System() func() (wall, elapsed int64) {
	began := time.Now()
	return func() (wall, elapsed int64) {
		now := time.Now()
		return now.UnixMilli(), now.Sub(began).Milliseconds()
	}
}

// FromWall returns a function that reads a wall clock and counts its forward
// steps as the time that passes.
func FromWall(wall func() int64) func() (now, elapsed int64) {
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
