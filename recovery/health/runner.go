package health

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// runner is a background check with what it found last.
type runner struct {
	name     string
	check    Check
	monitor  *Monitor
	affects  Affects
	interval time.Duration // its own, or 0 for the monitor's
	patience time.Duration // that it may run before it is late
	whenLate Status        // at least

	mu    sync.Mutex // never held while the check runs
	began time.Time  // of the run under way, or zero
	ran   bool       // found is the result of the last run
	found Condition

	// reports is held while Changed is called, so that the calls come in order.
	// It guards what the last one was about.
	reports    sync.Mutex
	status     Status
	late       bool
	background atomic.Bool // reportLate has a goroutine
}

// start begins a run, unless one is under way: then it returns since when.
func (r *runner) start(now time.Time) (began time.Time, running bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.began.IsZero() {
		return r.began, true
	}
	r.began = now
	return now, false
}

// run is a run that start has begun.
func (r *runner) run() {
	found := r.check()
	r.mu.Lock()
	r.began, r.ran, r.found = time.Time{}, true, found
	r.mu.Unlock()
	r.report()
}

// condition is the check's present condition; known is false before its first
// run has ended or become late.
func (r *runner) condition(now time.Time) (c Condition, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	late := r.lateLocked(now)
	if late == 0 {
		return r.found, r.ran
	}
	c.Status = max(r.whenLate, r.found.Status)
	c.Reason = fmt.Sprintf("%s has not answered for %.0f s", r.name, late.Seconds())
	if r.found.Reason != "" {
		c.Reason += "; before that: " + r.found.Reason
	}
	return c, true
}

func (r *runner) isLate(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lateLocked(now) > 0
}

// lateLocked returns for how long a late run has been under way, or 0.
func (r *runner) lateLocked(now time.Time) time.Duration {
	if running := now.Sub(r.began); !r.began.IsZero() && running > r.patience {
		return running
	}
	return 0
}

// reportLate is report in the background, once at a time: the function that is called may
// block as well.
func (r *runner) reportLate() {
	if r.background.CompareAndSwap(false, true) {
		go func() {
			r.report()
			r.background.Store(false)
		}()
	}
}

// report calls Changed if there is something to report.
func (r *runner) report() {
	r.reports.Lock()
	defer r.reports.Unlock()
	now := r.monitor.now()
	is, _ := r.condition(now)
	r.mu.Lock()
	late := r.lateLocked(now) > 0
	r.mu.Unlock()
	was := r.status
	changed := is.Status != was || late && !r.late
	r.status, r.late = is.Status, late
	if changed && r.monitor.Changed != nil {
		r.monitor.Changed(r.name, was, is)
	}
}
