package jobs

import (
	"context"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Worker is a stream of jobs: it holds at most as many as it asked for, and gets
// others when it acks, nacks or extends. Close follows.
type Worker struct {
	queues *Queues
	topic  *topic.Topic
	waiter *queue.Waiter

	wake chan struct{} // capacity 1: there is something to take

	mu     lockorder.Mutex[lockorder.Last] // guards what follows
	grants []grant
	losses []queue.Loss
	missed map[queue.LeaseID]bool // of grants: lost before they were taken
	ended  error                  // why it gets nothing any more
}

// Event is what happens to a worker: it is given jobs, or it has lost some.
type Event struct {
	Jobs []Job
	Lost []queue.Loss
}

// Work opens a stream of jobs. The claim's WaitMS does not count.
func (qs *Queues) Work(name string, c *Claim) (*Worker, error) {
	t, err := qs.holdLive(name)
	if err != nil {
		return nil, err
	}
	defer t.Mu.Unlock()
	if qs.shared.Closing.Load() {
		return nil, errDraining()
	}
	w := &Worker{queues: qs, topic: t, wake: make(chan struct{}, 1)}
	w.waiter = t.Jobs.Queue.Stream(topic.AtBoth(qs.shared.Clock.Now()), c.request())
	w.waiter.Data = w
	qs.keeper.join(w)
	qs.ServeLocked(t)
	return w, nil
}

// Next waits for what happens next. It returns an error of KindNotFound when the
// topic is deleted, of KindClosed when the server goes down, and ctx's own.
func (w *Worker) Next(ctx context.Context) (Event, error) {
	for {
		g, losses, err := w.take()
		switch {
		case len(losses) > 0:
			return Event{Lost: losses}, nil
		case err != nil:
			return Event{}, err
		case g.change != nil:
			list, rest, _, err := w.queues.deliverJobs(ctx, w.topic, g)
			if err != nil {
				return Event{}, err
			}
			w.putBack(rest)
			list = w.withoutMissed(list)
			if len(list) > 0 {
				return Event{Jobs: list}, nil
			}
			continue
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// Head returns the last seq of the worker's topic, or that of a topic which is
// deleted by now.
func (w *Worker) Head() uint64 {
	w.topic.Mu.Lock()
	defer w.topic.Mu.Unlock()
	return w.topic.Head
}

// take returns what is next: losses before jobs, for a job that was lost may come
// again.
func (w *Worker) take() (g grant, losses []queue.Loss, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	losses, w.losses = w.losses, nil
	if len(losses) > 0 || w.ended != nil {
		return grant{}, losses, w.ended
	}
	if len(w.grants) > 0 {
		g, w.grants = w.grants[0], w.grants[1:]
	}
	return g, nil, nil
}

// putBack keeps what was left of a grant for the next time.
func (w *Worker) putBack(rest *queue.Change) {
	if rest == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grants = slices.Insert(w.grants, 0, grant{change: rest})
}

// grant gives the worker jobs. The topic's lock is held.
func (w *Worker) grant(g grant) {
	w.mu.Lock()
	w.grants = append(w.grants, g)
	w.mu.Unlock()
	signal(w.wake)
}

// lose takes a job from the worker. The topic's lock is held. A job that the
// worker has not been given yet is not known to it.
func (w *Worker) lose(l queue.Loss) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.grants {
		if w.grants[i].change.Gives(l.Lease) {
			if w.missed == nil {
				w.missed = make(map[queue.LeaseID]bool)
			}
			w.missed[l.Lease] = true
			return
		}
	}
	w.losses = append(w.losses, l)
	signal(w.wake)
}

// withoutMissed removes the jobs that were lost before they were taken.
func (w *Worker) withoutMissed(list []Job) []Job {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.missed) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(j Job) bool {
		missed := w.missed[j.Lease]
		delete(w.missed, j.Lease)
		return missed
	})
}

// end makes Next return err. The topic's lock is held.
func (w *Worker) end(err error) {
	w.mu.Lock()
	if w.ended == nil {
		w.ended = err
	}
	w.mu.Unlock()
	signal(w.wake)
}

// Close ends the stream. Its leases end at once, and its deliveries count. It may
// be called more than once.
func (w *Worker) Close() {
	qs, t := w.queues, w.topic
	w.end(errDraining())
	t.Mu.Lock()
	j := t.Jobs
	if j == nil {
		t.Mu.Unlock()
		return
	}
	qs.keeper.leave(w)
	w.mu.Lock()
	grants := w.grants
	w.grants = nil
	w.mu.Unlock()
	for _, g := range grants { // nothing is served before it has left the line: it would be given them again
		g.returnLocked(t)
	}
	change := j.Queue.Leave(topic.AtBoth(qs.shared.Clock.Now()), w.waiter)
	logged := change != nil && j.Logs(queue.Release)
	if change != nil && !logged {
		t.ApplyJobsLocked(change)
	}
	qs.ServeLocked(t)
	t.Mu.Unlock()
	if logged {
		_, _ = qs.commitJobs(context.Background(), t, change) // else the leases expire
	}
	qs.buryNow(context.Background(), t)
}
