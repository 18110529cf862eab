package topics

import (
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
)

// Time returns the present time, as queue.CheckDelay takes it.
func (r *Registry) Time() queue.Time { return atBoth(r.shared.clock.Now()) }

// serve gives the jobs that are ready to those who wait for them. It follows
// every change of a queue. t.mu is held.
func (r *Registry) serve(t *topic) {
	j := t.jobs
	if j == nil || !r.serving {
		return
	}
	now := r.shared.clock.Now()
	at := atBoth(now)
	grants := r.grants(j, at)
	// A job that a worker has lost may be among those that it gets.
	for _, l := range j.queue.Losses() {
		if w, ok := l.Stream.Data.(*Worker); ok {
			w.lose(l)
		}
	}
	for _, g := range grants {
		given := grant{change: g.Claimed, pending: g.Claimed != nil && j.logs(queue.Claim)}
		if g.Claimed != nil && !given.pending {
			t.applyJobsLocked(g.Claimed)
		}
		switch to := g.Waiter.Data.(type) {
		case *claiming:
			to.answer <- given
		case *Worker:
			to.grant(given)
		}
	}
	t.countJobsLocked(at)
	r.keeper.schedule(t, at)
	if j.queue.Dying() {
		r.keeper.bury(t)
	}
}

// grants returns what those who wait get; nothing once the server drains, when
// time passes all the same.
func (r *Registry) grants(j *jobs, at queue.Time) []queue.Grant {
	if r.draining.Load() {
		j.queue.Advance(at)
		return nil
	}
	return j.queue.Serve(at)
}

// holdQueue returns the queue of that name with t.mu held, and its expired
// records gone.
func (r *Registry) holdQueue(name string) (*topic, error) {
	t := r.hold(name)
	if t == nil {
		return nil, record.NotFound(name)
	}
	err := t.checkQueueLocked()
	if err != nil {
		t.mu.Unlock()
		return nil, err
	}
	t.expireLocked(r.shared.steady())
	return t, nil
}

// endJobsLocked ends the queue of a topic that is deleted, and everything that waits
// for it. t.mu is held.
func (r *Registry) endJobsLocked(t *topic) {
	j := t.jobs
	if j == nil {
		return
	}
	for _, w := range j.queue.Dismiss() {
		if c, ok := w.Data.(*claiming); ok {
			c.answer <- grant{err: record.NotFound(t.name)}
		}
	}
	for _, w := range r.keeper.workersOf(t) {
		w.end(record.NotFound(t.name))
	}
	r.keeper.forget(t)
	t.endJobsLocked()
}

// StopDelivering answers all claims that wait, with no job. From then on queues
// deliver nothing: what a worker that ends gives back stays there for the next
// start. Writes and acks go on.
func (r *Registry) StopDelivering() {
	r.draining.Store(true) // seen by all who take a topic's lock after it was held here
	for _, t := range r.all() {
		t.mu.Lock()
		if j := t.jobs; j != nil {
			for _, w := range j.queue.Dismiss() {
				if c, ok := w.Data.(*claiming); ok {
					c.answer <- grant{}
				}
			}
		}
		t.mu.Unlock()
	}
}

// endWorkers ends all workers. Their leases are free at once.
func (r *Registry) endWorkers() {
	var workers []*Worker
	for _, t := range r.all() {
		t.mu.Lock()
		for _, w := range r.keeper.workersOf(t) {
			w.end(errDraining())
			workers = append(workers, w)
		}
		t.mu.Unlock()
	}
	for _, w := range workers {
		w.Close()
	}
}

func errDraining() error {
	return &record.Error{Kind: record.KindClosed, Message: "the server is shutting down"}
}
