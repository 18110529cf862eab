package recovery

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// watched is a background check with what it found last.
type watched struct {
	name   string
	check  Check
	health *Health

	mu    sync.Mutex // never held while the check runs
	began time.Time  // of the run under way; zero: none is
	ran   bool       // found is what the last run found
	found Condition

	// reports is held while Changed is called, so that the calls come in order.
	// It guards what the last one was about.
	reports    sync.Mutex
	status     Status
	late       bool
	background atomic.Bool // reportLate has a goroutine
}

// start begins a run, unless one is under way: then it returns since when.
func (w *watched) start(now time.Time) (began time.Time, running bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.began.IsZero() {
		return w.began, true
	}
	w.began = now
	return now, false
}

// run is a run that start has begun.
func (w *watched) run() {
	found := w.check()
	w.mu.Lock()
	w.began, w.ran, w.found = time.Time{}, true, found
	w.mu.Unlock()
	w.report()
}

// condition is the check's present condition; known is false before its first
// run has ended or become late. One that is late is degraded at least.
func (w *watched) condition(now time.Time) (c Condition, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	late := w.lateLocked(now)
	if late == 0 {
		return w.found, w.ran
	}
	c.Status = max(Degraded, w.found.Status)
	c.Reason = fmt.Sprintf("%s has not answered for %.0f s", w.name, late.Seconds())
	if w.found.Reason != "" {
		c.Reason += "; before that: " + w.found.Reason
	}
	return c, true
}

// lateLocked is for how long a late run has been under way; 0: it is not late.
func (w *watched) lateLocked(now time.Time) time.Duration {
	if running := now.Sub(w.began); !w.began.IsZero() && running > lateAfter {
		return running
	}
	return 0
}

// reportLate is report in the background, once at a time: whoever is called may
// block as well.
func (w *watched) reportLate() {
	if w.background.CompareAndSwap(false, true) {
		go func() {
			w.report()
			w.background.Store(false)
		}()
	}
}

// report calls Changed if there is something to report.
func (w *watched) report() {
	w.reports.Lock()
	defer w.reports.Unlock()
	now := w.health.now()
	is, _ := w.condition(now)
	w.mu.Lock()
	late := w.lateLocked(now) > 0
	w.mu.Unlock()
	was := w.status
	changed := is.Status != was || late && !w.late
	w.status, w.late = is.Status, late
	if changed && w.health.Changed != nil {
		w.health.Changed(w.name, was, is)
	}
}
