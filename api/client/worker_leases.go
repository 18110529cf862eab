package client

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"
)

// doubt is called when the stream has broken. The server releases what a stream
// holds when it notices, but a restarted server may still have the leases.
func (w *worker) doubt() {
	w.mu.Lock()
	for _, t := range w.held {
		t.doubt = true
	}
	w.mu.Unlock()
	select {
	case w.renew <- struct{}{}:
	default: // one is asked for already
	}
}

// loseAll ends all jobs whose outcome is not on its way.
func (w *worker) loseAll(reason string) {
	for _, t := range w.tasks() {
		w.lose(t.job.Lease, reason)
	}
}

// tasks returns the jobs whose leases are to be kept, one for each seq: of a job
// that was delivered again while its outcome was on its way, the later one.
func (w *worker) tasks() []*task {
	w.mu.Lock()
	defer w.mu.Unlock()
	bySeq := make(map[uint64]*task, len(w.held))
	for _, t := range w.held {
		if other := bySeq[t.job.Seq]; t.lost == "" && (other == nil || other.settling) {
			bySeq[t.job.Seq] = t
		}
	}
	return slices.Collect(maps.Values(bySeq))
}

// extendBatch is how many leases one call extends.
const extendBatch = 100

// extend keeps the leases until the worker ends.
func (w *worker) extend() {
	every := w.o.Lease / 3
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-w.calls.Done():
			return
		case <-tick.C:
		case <-w.renew:
		}
		tasks := w.tasks()
		for len(tasks) > 0 {
			n := min(len(tasks), extendBatch)
			w.extendSome(tasks[:n])
			tasks = tasks[n:]
		}
	}
}

// extendSome extends some leases. An attempt that fails is made again at the
// next tick; meanwhile the leases may end.
func (w *worker) extendSome(tasks []*task) {
	jobs := make([]*Job, len(tasks))
	for i, t := range tasks {
		jobs[i] = t.job
	}
	// The last moment at which the answer can be of use: leases are extended when a
	// third of their time is over.
	ctx, cancel := context.WithTimeout(w.calls, w.o.Lease*2/3)
	defer cancel()
	asked := time.Now()
	done, err := w.c.Extend(ctx, w.queue, Hold(w.o.Node, jobs...), w.o.Lease)
	var refused *Error
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		for _, job := range jobs {
			w.lose(job.Lease, SkippedGone)
		}
		return
	case err != nil:
		return
	}
	w.mu.Lock()
	var lost []*Job
	for _, t := range tasks {
		switch why, skipped := done.Reasons[t.job.Seq]; {
		case !skipped:
			t.doubt = false
			if t.lost == "" && w.held[t.job.Lease] == t {
				t.expiry.Reset(time.Until(asked.Add(w.o.Lease)))
			}
		case why != SkippedHeld:
			lost = append(lost, t.job)
		}
	}
	w.beginLocked()
	w.mu.Unlock()
	for _, job := range lost {
		w.lose(job.Lease, done.Reasons[job.Seq])
	}
}
