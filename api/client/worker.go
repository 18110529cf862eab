package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// worker is one run of Work. Its stream, its extensions of leases and each
// handler have goroutines of their own.
type worker struct {
	c       *Client
	queue   string
	handler Handler
	o       WorkOptions // complete
	// calls is the context of all requests. It outlives that of Work, and ends when
	// the worker does.
	calls context.Context
	// prompt is that of the requests with outcomes, until handlers are interrupted.
	// It ends a little later than they are.
	prompt context.Context
	// renew asks for an extension of all leases at once.
	renew chan struct{}
	ended sync.WaitGroup // handlers and the ends of their jobs

	mu       sync.Mutex
	held     map[string]*task // by lease, until the queue has learned of the outcome
	waiting  []*task          // those of held that were not begun, in order of arrival
	busy     map[uint64]bool  // seqs that a handler has
	stopping bool             // no handler is begun any more
	over     bool             // the handlers were interrupted
}

// task is a job and what this worker knows of its lease. The worker's mu guards
// it, except job and ctx.
type task struct {
	job    *Job
	ctx    context.Context // of the handler
	cancel context.CancelCauseFunc
	// expiry loses the lease at the time until which it holds for certain.
	expiry *time.Timer
	lost   string // why the lease is lost; empty if it is not
	// doubt is set from when the stream breaks until an extension shows that the
	// lease still holds.
	doubt bool
	// settling is set when the outcome is on its way.
	settling bool
}

func newWorker(c *Client, queue string, handler Handler, o WorkOptions) *worker {
	return &worker{
		c: c, queue: queue, handler: handler, o: o,
		renew: make(chan struct{}, 1),
		held:  make(map[string]*task),
		busy:  make(map[uint64]bool),
	}
}

// run works until ctx is done or the stream has failed.
func (w *worker) run(ctx context.Context) error {
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	prompt, hurry := context.WithCancel(calls)
	w.calls, w.prompt = calls, prompt
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	failed := make(chan error, 1)
	background.Go(func() { failed <- w.stream(calls) })
	background.Go(w.extend)
	select {
	case <-ctx.Done():
		w.stop(hurry, true)
		return nil
	case err := <-failed:
		w.stop(hurry, false)
		return err
	}
}

// stop waits for the handlers, which it interrupts when their time is over. Jobs
// that were not begun are given back; if the server cannot be reached they are
// forgotten.
func (w *worker) stop(hurry context.CancelFunc, reachable bool) {
	patience := time.AfterFunc(w.o.Stop, w.interrupt)
	defer patience.Stop()
	last := time.AfterFunc(w.o.Stop+settleGrace, hurry)
	defer last.Stop()
	w.mu.Lock()
	w.stopping = true
	w.mu.Unlock()
	if jobs := w.unbegun(); reachable {
		w.giveBack(jobs)
	}
	w.ended.Wait()
}

// interrupt ends the contexts of all handlers.
func (w *worker) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for _, t := range w.held {
		t.cancel(ErrStopped)
	}
}

// unbegun takes the jobs that were not begun out of what is held.
func (w *worker) unbegun() []*Job {
	w.mu.Lock()
	defer w.mu.Unlock()
	jobs := make([]*Job, len(w.waiting))
	for i, t := range w.waiting {
		jobs[i] = t.job
		t.expiry.Stop()
		t.cancel(nil)
		delete(w.held, t.job.Lease)
	}
	w.waiting = nil
	return jobs
}

// giveBack returns jobs to the queue, and asks for no others.
func (w *worker) giveBack(jobs []*Job) {
	ctx, cancel := context.WithTimeout(w.calls, settleGrace)
	defer cancel()
	_, err := w.c.Nack(ctx, w.queue, Hold(w.o.Node, jobs...), Return{Unstarted: true, Leaving: true})
	for _, job := range jobs {
		w.report(Ended{Job: job, Unbegun: true, Failure: err})
	}
}

// accept takes a job that the server has delivered.
func (w *worker) accept(job *Job) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(w.calls))
	t := &task{job: job, ctx: ctx, cancel: cancel}
	w.loseEarlier(job.Seq)
	w.mu.Lock()
	t.expiry = time.AfterFunc(w.o.Lease, func() { w.lose(job.Lease, SkippedExpired) })
	w.held[job.Lease] = t
	w.waiting = append(w.waiting, t)
	stopping := w.stopping
	w.beginLocked()
	w.mu.Unlock()
	if stopping { // it was on its way when the server learned of that
		w.giveBack(w.unbegun())
	}
}

// loseEarlier ends a job that was delivered again: the earlier lease is over.
// Calls name jobs by their seqs, so that the two must not both be held.
func (w *worker) loseEarlier(seq uint64) {
	for _, t := range w.tasks() {
		if t.job.Seq == seq {
			w.lose(t.job.Lease, SkippedExpired)
		}
	}
}

// beginLocked begins as many handlers as there may be. A job whose lease is in
// doubt waits, and so does one that an earlier handler of this worker still has,
// having lost its lease. w.mu is held.
func (w *worker) beginLocked() {
	if w.stopping {
		return
	}
	w.waiting = slices.DeleteFunc(w.waiting, func(t *task) bool {
		if len(w.busy) >= w.o.Parallel || t.doubt || w.busy[t.job.Seq] {
			return false
		}
		w.busy[t.job.Seq] = true
		w.ended.Go(func() { w.handle(t) })
		return true
	})
}

// handle runs the handler of a job and has the queue learn of the outcome.
func (w *worker) handle(t *task) {
	err := w.handler(t.ctx, t.job)
	w.mu.Lock()
	delete(w.busy, t.job.Seq)
	lost, over := t.lost, w.over
	t.settling = lost == ""
	w.beginLocked()
	w.mu.Unlock()
	end := Ended{Job: t.job, Err: err, Lost: lost}
	if lost == "" {
		end.Lost, end.Failure = w.settle(t.job, err, over)
	}
	w.forget(t)
	w.report(end)
}

// forget ends what the worker knows of a job.
func (w *worker) forget(t *task) {
	w.mu.Lock()
	delete(w.held, t.job.Lease)
	w.mu.Unlock()
	t.expiry.Stop()
	t.cancel(nil)
}

func (w *worker) report(e Ended) {
	if w.o.Ended != nil {
		w.o.Ended(e)
	}
}

// settle acks or nacks a job. It returns why the lease was lost, if it was.
func (w *worker) settle(job *Job, outcome error, over bool) (lost string, err error) {
	h := Hold(w.o.Node, job)
	ctx := w.prompt
	if over {
		late, cancel := context.WithTimeout(w.calls, settleGrace)
		defer cancel()
		ctx = late
	}
	var done *Settled
	if outcome == nil {
		done, err = w.c.Ack(ctx, w.queue, h)
	} else {
		done, err = w.c.Nack(ctx, w.queue, h, returnOf(outcome, over))
	}
	if err != nil || len(done.Skipped) == 0 {
		return "", err
	}
	return done.Reasons[job.Seq], nil
}

// returnOf returns how a job goes back whose handler failed. A handler that was
// interrupted did not fail.
func returnOf(outcome error, interrupted bool) Return {
	var how *ReturnError
	if errors.As(outcome, &how) {
		return how.Return
	}
	return Return{Unstarted: interrupted}
}

// lose ends a job whose lease is lost. It does nothing if the job has ended or
// its outcome is on its way.
func (w *worker) lose(lease, reason string) {
	w.mu.Lock()
	t := w.held[lease]
	if t == nil || t.settling || t.lost != "" {
		w.mu.Unlock()
		return
	}
	t.lost = reason
	t.expiry.Stop()
	t.cancel(&LeaseLost{Seq: t.job.Seq, Reason: reason})
	at := slices.Index(w.waiting, t)
	if at >= 0 {
		w.waiting = slices.Delete(w.waiting, at, at+1)
		delete(w.held, lease)
	}
	w.mu.Unlock()
	if at >= 0 {
		w.report(Ended{Job: t.job, Unbegun: true, Lost: reason})
	}
}
