package jobs

import (
	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Time returns the present time, as queue.CheckDelay takes it.
func (qs *Queues) Time() queue.Time { return topic.AtBoth(qs.shared.Clock.Now()) }

// ServeLocked gives the jobs that are ready to those who wait for them. It follows
// every change of a queue. t.Mu is held.
func (qs *Queues) ServeLocked(t *topic.Topic) {
	j := t.Jobs
	if j == nil || !qs.serving {
		return
	}
	now := qs.shared.Clock.Now()
	at := topic.AtBoth(now)
	grants := qs.grants(j, at)
	// A job that a worker has lost may be among those that it gets.
	for _, l := range j.Queue.Losses() {
		if w, ok := l.Stream.Data.(*Worker); ok {
			w.lose(l)
		}
	}
	for _, g := range grants {
		given := grant{change: g.Claimed, pending: g.Claimed != nil && j.Logs(queue.Claim)}
		if g.Claimed != nil && !given.pending {
			t.ApplyJobsLocked(g.Claimed)
		}
		switch to := g.Waiter.Data.(type) {
		case *claiming:
			to.answer <- given
		case *Worker:
			to.grant(given)
		}
	}
	t.CountJobsLocked(at)
	qs.keeper.schedule(t, at)
	if j.Queue.Dying() {
		qs.keeper.bury(t)
	}
}

// grants returns what those who wait get; nothing once the server drains, when
// time passes all the same.
func (qs *Queues) grants(j *topic.Jobs, at queue.Time) []queue.Grant {
	if qs.draining.Load() {
		j.Queue.Advance(at)
		return nil
	}
	return j.Queue.Serve(at)
}

// holdQueue returns the queue of that name with t.Mu held, and its expired records
// gone.
func (qs *Queues) holdQueue(name string) (*topic.Topic, error) {
	t := qs.catalog.Hold(name)
	if t == nil {
		return nil, record.NotFound(name)
	}
	err := t.CheckQueueLocked()
	if err != nil {
		t.Mu.Unlock()
		return nil, err
	}
	t.ExpireLocked(qs.shared.Steady())
	return t, nil
}

// EndLocked ends the queue of a topic that is deleted, and everything that waits
// for it. t.Mu is held.
func (qs *Queues) EndLocked(t *topic.Topic) {
	j := t.Jobs
	if j == nil {
		return
	}
	for _, w := range j.Queue.Dismiss() {
		if c, ok := w.Data.(*claiming); ok {
			c.answer <- grant{err: record.NotFound(t.Name)}
		}
	}
	for _, w := range qs.keeper.workersOf(t) {
		w.end(record.NotFound(t.Name))
	}
	qs.keeper.forget(t)
	t.EndJobsLocked()
}

// StopDelivering answers all claims that wait, with no job. From then on queues
// deliver nothing: what a worker that ends gives back stays there for the next
// start. Writes and acks go on.
func (qs *Queues) StopDelivering() {
	qs.draining.Store(true) // seen by all who take a topic's lock after it was held here
	for _, t := range qs.catalog.All() {
		t.Mu.Lock()
		if j := t.Jobs; j != nil {
			for _, w := range j.Queue.Dismiss() {
				if c, ok := w.Data.(*claiming); ok {
					c.answer <- grant{}
				}
			}
		}
		t.Mu.Unlock()
	}
}

// endWorkers ends all workers. Their leases are free at once.
func (qs *Queues) endWorkers() {
	var workers []*Worker
	for _, t := range qs.catalog.All() {
		t.Mu.Lock()
		for _, w := range qs.keeper.workersOf(t) {
			w.end(errDraining())
			workers = append(workers, w)
		}
		t.Mu.Unlock()
	}
	for _, w := range workers {
		w.Close()
	}
}

func errDraining() error {
	return &record.Error{Kind: record.KindClosed, Message: "the server is shutting down"}
}
