package health

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// StuckAfter is how long a part may fail to move before it counts as stuck: a
// part of the process without a proof, or a router that waits.
const StuckAfter = 10 * time.Second

// beatInterval is how often the watchdog asks for proofs.
const beatInterval = time.Second

// Proof shows that a part of the process works; false means that it has not
// moved. One that blocks shows nothing either.
type Proof func() bool

// Watchdog proves what a restart can mend: that goroutines are run, that locks
// are given back, that the log's stages move. What waits for a disk is none of
// it: a restart would wait for the same disk.
type Watchdog struct {
	now func() time.Time
	// Waits, if set before Run, reports whether an operation on a disk has been
	// under way for a while. Meanwhile a missing proof proves nothing.
	Waits func() bool
	// Stuck, if set before Run, is called when a part counts as stuck, and with
	// a silence of 0 when it works again.
	Stuck func(part string, silent time.Duration)

	beat  atomic.Pointer[time.Time] // when the watchdog's own goroutine ran
	parts atomic.Pointer[[]*part]
}

type part struct {
	name    string
	prove   Proof
	running atomic.Bool
	proven  atomic.Pointer[time.Time]
	stuck   bool // as it was last reported; of Run
}

// NewWatchdog makes a Watchdog that has nothing to prove yet but that it runs.
func NewWatchdog(now func() time.Time) *Watchdog {
	d := &Watchdog{now: now}
	began := now()
	d.beat.Store(&began)
	d.parts.Store(new([]*part))
	return d
}

// Watch adds a part. It may be called while the watchdog runs, by one goroutine
// at a time.
func (d *Watchdog) Watch(name string, prove Proof) {
	p := &part{name: name, prove: prove}
	began := d.now()
	p.proven.Store(&began)
	old := *d.parts.Load()
	parts := append(old[:len(old):len(old)], p)
	d.parts.Store(&parts)
}

// Run asks for proofs until ctx ends.
func (d *Watchdog) Run(ctx context.Context) {
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	for {
		d.round()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *Watchdog) round() {
	now := d.now()
	if late := now.Sub(*d.beat.Load()); late > StuckAfter && d.Stuck != nil {
		d.Stuck("scheduler", late)
		d.Stuck("scheduler", 0)
	}
	d.beat.Store(&now)
	waits := d.Waits != nil && d.Waits()
	for _, p := range *d.parts.Load() {
		if waits {
			p.proven.Store(&now)
		}
		p.report(now, d.Stuck)
		if p.running.CompareAndSwap(false, true) {
			go p.run(d.now)
		}
	}
}

func (p *part) run(now func() time.Time) {
	if p.prove() {
		proven := now()
		p.proven.Store(&proven)
	}
	p.running.Store(false)
}

func (p *part) report(now time.Time, stuck func(string, time.Duration)) {
	silent := now.Sub(*p.proven.Load())
	if is := silent > StuckAfter; is != p.stuck {
		p.stuck = is
		if !is {
			silent = 0
		}
		if stuck != nil {
			stuck(p.name, silent)
		}
	}
}

// LastBeat is when all parts were last proven to work.
func (d *Watchdog) LastBeat() time.Time {
	last, _ := d.last()
	return last
}

// last is the oldest of the last proofs, and of what.
func (d *Watchdog) last() (last time.Time, name string) {
	last, name = *d.beat.Load(), "scheduler"
	for _, p := range *d.parts.Load() {
		if proven := *p.proven.Load(); proven.Before(last) {
			last, name = proven, p.name
		}
	}
	return last, name
}

// Check is unhealthy while the process is stuck: a Live check.
func (d *Watchdog) Check() Condition {
	last, name := d.last()
	if silent := d.now().Sub(last); silent > StuckAfter {
		return Condition{Unhealthy, fmt.Sprintf("%s has not moved for %.0f s: the process is stuck", name, silent.Seconds())}
	}
	return Condition{}
}
