package health

import (
	"context"
	"time"
)

// Custom is a check of the operator's own.
type Custom struct {
	Name string
	// Check ends within Timeout, unless a disk holds it up.
	Check    Check
	Affects  Affects
	Interval time.Duration // between the beginnings of two runs
	Timeout  time.Duration
}

// grace is how much longer than its timeout a custom check may run before it is
// late.
const grace = time.Second

// Add adds a custom check. It is for the time before Run. A check that readiness
// depends on is unhealthy until its first run has ended.
func (m *Monitor) Add(c Custom) {
	r := &runner{name: c.Name, check: c.Check, monitor: m}
	r.affects, r.interval = c.Affects, c.Interval
	r.patience, r.whenLate = c.Timeout+grace, Unhealthy
	if c.Affects == AffectsReadiness {
		r.ran, r.found = true, Condition{Unhealthy, "it has not been checked yet"}
	}
	m.add(r)
}

// every runs the check once in each of its intervals until ctx ends. It does not
// wait for a run.
func (r *runner) every(ctx context.Context) {
	tick := time.NewTicker(r.interval)
	defer tick.Stop()
	for {
		if _, running := r.start(r.monitor.now()); !running {
			go r.run()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
