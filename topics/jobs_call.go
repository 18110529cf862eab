package topics

import (
	"context"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// JobResult answers a call on jobs.
type JobResult struct {
	Done      []uint64         // the jobs that it concerned, in the order of the call
	Skipped   []queue.Skip     // the others, in the order of the call, each once
	Deadlines map[uint64]int64 // Extend: the last Unix ms of the leases
	Then      []Written        // Ack: what followed
	Counts    queue.Counts     // of the queue, afterwards
	Cost      Cost
}

// Nack ends the deliveries of jobs that the caller holds. Those that are to be
// dead-lettered have moved when it returns.
func (r *Registry) Nack(ctx context.Context, name string, call queue.Call, ret queue.Return) (*JobResult, error) {
	return r.callJobs(ctx, name, &jobsCall{
		size: len(call.Seqs) * (nackedSize + len(ret.Reason)),
		judge: func(q *queue.Queue, now queue.Time) (*queue.Change, []queue.Skip) {
			return q.Nack(now, call, ret)
		},
	})
}

// Extend moves the deadlines of jobs that the caller holds to leaseMS from now; 0
// is the queue's lease.
func (r *Registry) Extend(ctx context.Context, name string, call queue.Call, leaseMS int64) (*JobResult, error) {
	return r.callJobs(ctx, name, &jobsCall{
		size: len(call.Seqs) * jobSize,
		judge: func(q *queue.Queue, now queue.Time) (*queue.Change, []queue.Skip) {
			return q.Extend(now, call, leaseMS)
		},
	})
}

// ReleaseJobs takes the leases of jobs away. The deliveries do not count.
func (r *Registry) ReleaseJobs(ctx context.Context, name string, seqs []uint64) (*JobResult, error) {
	return r.callJobs(ctx, name, &jobsCall{
		size: len(seqs) * jobSize,
		judge: func(q *queue.Queue, now queue.Time) (*queue.Change, []queue.Skip) {
			return q.Release(now, seqs)
		},
	})
}

// PromoteJobs makes delayed jobs due now.
func (r *Registry) PromoteJobs(ctx context.Context, name string, seqs []uint64) (*JobResult, error) {
	return r.callJobs(ctx, name, &jobsCall{
		size: len(seqs) * jobSize,
		judge: func(q *queue.Queue, now queue.Time) (*queue.Change, []queue.Skip) {
			return q.Promote(now, seqs)
		},
	})
}

// What a job takes in an entry at most.
const (
	jobSize    = 16
	nackedSize = jobSize + 16
)

// jobsCall is a call on jobs that ends none.
type jobsCall struct {
	size  int // of its entry, without its fields
	judge func(*queue.Queue, queue.Time) (*queue.Change, []queue.Skip)

	// What came of it.
	topic   *topic
	change  *queue.Change // nil if it concerns no job
	skipped []queue.Skip
	commit  *commitOf[entry.Jobs] // nil if the log need not have it
}

// callJobs judges a call by the time at which it came, and does it.
func (r *Registry) callJobs(ctx context.Context, name string, call *jobsCall) (*JobResult, error) {
	came := r.shared.clock.Now()
	throttled, err := r.propose(ctx, needing(call.size+entryOverhead, wal.Freeing|wal.Patient),
		func(s *slot) error { return r.assignCall(s, name, came, call) })
	if err != nil {
		return nil, err
	}
	out := &JobResult{Skipped: call.skipped}
	if call.commit != nil {
		out.Cost, err = call.commit.commit.finish()
		if err != nil {
			return nil, err
		}
	}
	out.Cost.Throttle = throttled
	if call.change != nil {
		out.Done = call.change.Seqs()
	}
	if call.change != nil && call.change.Kind == queue.Extend {
		out.Deadlines = make(map[uint64]int64, len(out.Done))
		for _, seq := range out.Done {
			out.Deadlines[seq] = onWall(came, call.change.Deadline())
		}
	}
	r.buryNow(ctx, call.topic)
	out.Counts = r.countsOf(call.topic)
	return out, nil
}

// countsOf returns the counts of a queue, zero if it is deleted.
func (r *Registry) countsOf(t *topic) queue.Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.jobs == nil {
		return queue.Counts{}
	}
	return t.jobs.queue.Counts(atBoth(r.shared.clock.Now()))
}

// assignCall judges a call, and does it or gives it its place.
func (r *Registry) assignCall(s *slot, name string, came clock.Moment, call *jobsCall) error {
	t, err := r.holdQueue(name)
	if err != nil {
		return err
	}
	defer t.mu.Unlock()
	err = r.writable()
	if err != nil {
		return err
	}
	call.topic = t
	call.change, call.skipped = call.judge(t.jobs.queue, atBoth(came))
	if call.change == nil {
		r.serve(t) // the call may have shown that a worker lives
		return nil
	}
	if !t.jobs.logs(call.change.Kind) {
		t.applyJobsLocked(call.change)
		r.serve(t)
		return nil
	}
	call.commit, err = r.assignJobsLocked(s, t, call.change)
	return err
}

// commitJobs gives a pending change its place and waits until it is applied.
// If that fails, the change is aborted.
func (r *Registry) commitJobs(ctx context.Context, t *topic, change *queue.Change) (Cost, error) {
	var c *commitOf[entry.Jobs]
	size := entryOverhead + len(change.Node) + len(change.Jobs)*jobSize
	throttled, err := r.propose(ctx, needing(size, wal.Freeing|wal.Patient), func(s *slot) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		err := t.checkQueueLocked()
		if err == nil {
			c, err = r.placeJobsLocked(s, t, change)
		}
		return err
	})
	if err != nil {
		t.mu.Lock()
		t.abortJobsLocked(change)
		t.mu.Unlock()
		return Cost{}, err
	}
	cost, err := c.commit.finish()
	cost.Throttle = throttled
	return cost, err
}

// assignJobsLocked gives a change that was just judged its place. If that fails, the
// change is aborted. t.mu is held.
func (r *Registry) assignJobsLocked(s *slot, t *topic, change *queue.Change) (*commitOf[entry.Jobs], error) {
	c, err := r.placeJobsLocked(s, t, change)
	if err != nil {
		t.abortJobsLocked(change)
	}
	return c, err
}

// placeJobsLocked puts the entry of a change into the log. t.mu is held.
func (r *Registry) placeJobsLocked(s *slot, t *topic, change *queue.Change) (*commitOf[entry.Jobs], error) {
	came := r.shared.clock.Now()
	c := &commitOf[entry.Jobs]{
		commit: commit{topic: t, class: t.next.Durability, came: came},
		entry:  entry.Jobs{ID: t.id, TS: max(came.Wall, change.At.Wall, t.assignedTS), At: change.At.Wall, Change: change},
	}
	c.op = jobsOp{&c.entry}
	err := c.commit.appendChange(s)
	if err != nil {
		return nil, err
	}
	t.assign(&c.commit, t.assigned)
	return c, nil
}

// JobPage is a part of a list of jobs.
type JobPage struct {
	Jobs   []queue.Info
	Next   uint64 // the cursor to go on with; 0: there are no more
	Counts queue.Counts
}

// Jobs lists up to limit jobs of a state with seqs after a cursor.
func (r *Registry) Jobs(name string, state queue.State, after uint64, limit int) (*JobPage, error) {
	t, err := r.openQueue(name)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	at := atBoth(r.shared.clock.Now())
	p := t.jobs.queue.List(at, state, after, limit)
	out := &JobPage{Jobs: p.Jobs, Next: p.Next, Counts: t.jobs.queue.Counts(at)}
	r.serve(t)
	return out, nil
}

// openQueue returns the queue of that name, with t.mu held for writing, for a
// call that only reads.
func (r *Registry) openQueue(name string) (*topic, error) {
	t := r.hold(name)
	if t == nil || !t.visible {
		if t != nil {
			t.mu.Unlock()
		}
		return nil, record.NotFound(name)
	}
	if t.jobs == nil {
		defer t.mu.Unlock()
		return nil, errNotQueue(t)
	}
	t.expireLocked(r.shared.steady())
	return t, nil
}
