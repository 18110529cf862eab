package jobs

import (
	"context"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Result answers a call on jobs.
type Result struct {
	Done      []uint64         // the jobs that it concerned, in the order of the call
	Skipped   []queue.Skip     // the others, in the order of the call, each once
	Deadlines map[uint64]int64 // Extend: the last Unix ms of the leases
	Then      []topic.Written  // Ack: what followed
	Counts    queue.Counts     // of the queue, afterwards
	Cost      topic.Cost
}

// Nack ends the deliveries of jobs that the caller holds. Those that are to be
// dead-lettered have moved when it returns.
func (qs *Queues) Nack(ctx context.Context, name string, call queue.Call, ret queue.Return) (*Result, error) {
	return qs.callJobs(ctx, name, &jobsCall{
		size: len(call.Seqs) * (nackedSize + len(ret.Reason)),
		judge: func(q *queue.Queue, now queue.Time) (*queue.Change, []queue.Skip) {
			return q.Nack(now, call, ret)
		},
	})
}

// Extend moves the deadlines of jobs that the caller holds to leaseMS from now; 0
// is the queue's lease.
func (qs *Queues) Extend(ctx context.Context, name string, call queue.Call, leaseMS int64) (*Result, error) {
	return qs.callJobs(ctx, name, &jobsCall{
		size: len(call.Seqs) * jobSize,
		judge: func(q *queue.Queue, now queue.Time) (*queue.Change, []queue.Skip) {
			return q.Extend(now, call, leaseMS)
		},
	})
}

// ReleaseJobs takes the leases of jobs away. The deliveries do not count.
func (qs *Queues) ReleaseJobs(ctx context.Context, name string, seqs []uint64) (*Result, error) {
	return qs.callJobs(ctx, name, &jobsCall{
		size: len(seqs) * jobSize,
		judge: func(q *queue.Queue, now queue.Time) (*queue.Change, []queue.Skip) {
			return q.Release(now, seqs)
		},
	})
}

// PromoteJobs makes delayed jobs due now.
func (qs *Queues) PromoteJobs(ctx context.Context, name string, seqs []uint64) (*Result, error) {
	return qs.callJobs(ctx, name, &jobsCall{
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
	topic   *topic.Topic
	change  *queue.Change // nil if it concerns no job
	skipped []queue.Skip
	commit  *topic.CommitOf[entry.Jobs] // nil if the log need not have it
}

// callJobs judges a call by the time at which it came, and does it.
func (qs *Queues) callJobs(ctx context.Context, name string, call *jobsCall) (*Result, error) {
	came := qs.shared.Clock.Now()
	throttled, err := qs.shared.Propose(ctx, topic.Needing(call.size+topic.EntryOverhead, wal.Freeing|wal.Patient),
		func(s *topic.Slot) error { return qs.assignCall(s, name, came, call) })
	if err != nil {
		return nil, err
	}
	out := &Result{Skipped: call.skipped}
	if call.commit != nil {
		out.Cost, err = call.commit.Commit.Finish()
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
	qs.buryNow(ctx, call.topic)
	out.Counts = qs.countsOf(call.topic)
	return out, nil
}

// countsOf returns the counts of a queue, zero if it is deleted.
func (qs *Queues) countsOf(t *topic.Topic) queue.Counts {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if t.Jobs == nil {
		return queue.Counts{}
	}
	return t.Jobs.Queue.Counts(topic.AtBoth(qs.shared.Clock.Now()))
}

// assignCall judges a call, and does it or gives it its place.
func (qs *Queues) assignCall(s *topic.Slot, name string, came clock.Moment, call *jobsCall) error {
	t, err := qs.holdQueue(name)
	if err != nil {
		return err
	}
	defer t.Mu.Unlock()
	err = qs.writable()
	if err != nil {
		return err
	}
	call.topic = t
	call.change, call.skipped = call.judge(t.Jobs.Queue, topic.AtBoth(came))
	if call.change == nil {
		qs.ServeLocked(t) // the call may have shown that a worker lives
		return nil
	}
	if !t.Jobs.Logs(call.change.Kind) {
		t.ApplyJobsLocked(call.change)
		qs.ServeLocked(t)
		return nil
	}
	call.commit, err = qs.assignJobsLocked(s, t, call.change)
	return err
}

// commitJobs gives a pending change its place and waits until it is applied.
// If that fails, the change is aborted.
func (qs *Queues) commitJobs(ctx context.Context, t *topic.Topic, change *queue.Change) (topic.Cost, error) {
	var c *topic.CommitOf[entry.Jobs]
	size := topic.EntryOverhead + len(change.Node) + len(change.Jobs)*jobSize
	throttled, err := qs.shared.Propose(ctx, topic.Needing(size, wal.Freeing|wal.Patient), func(s *topic.Slot) error {
		t.Mu.Lock()
		defer t.Mu.Unlock()
		err := t.CheckQueueLocked()
		if err == nil {
			c, err = qs.placeJobsLocked(s, t, change)
		}
		return err
	})
	if err != nil {
		t.Mu.Lock()
		t.AbortJobsLocked(change)
		t.Mu.Unlock()
		return topic.Cost{}, err
	}
	cost, err := c.Commit.Finish()
	cost.Throttle = throttled
	return cost, err
}

// assignJobsLocked gives a change that was just judged its place. If that fails, the
// change is aborted. t.Mu is held.
func (qs *Queues) assignJobsLocked(s *topic.Slot, t *topic.Topic, change *queue.Change) (*topic.CommitOf[entry.Jobs], error) {
	c, err := qs.placeJobsLocked(s, t, change)
	if err != nil {
		t.AbortJobsLocked(change)
	}
	return c, err
}

// placeJobsLocked puts the entry of a change into the log. t.Mu is held.
func (qs *Queues) placeJobsLocked(s *topic.Slot, t *topic.Topic, change *queue.Change) (*topic.CommitOf[entry.Jobs], error) {
	came := qs.shared.Clock.Now()
	c := &topic.CommitOf[entry.Jobs]{
		Commit: topic.Commit{Topic: t, Class: t.Next.Durability, Came: came},
		Entry:  entry.Jobs{ID: t.ID, TS: max(came.Wall, change.At.Wall, t.AssignedTS), At: change.At.Wall, Change: change},
	}
	c.Operation = topic.JobsOp{Jobs: &c.Entry}
	err := c.Commit.AppendLocked(s)
	if err != nil {
		return nil, err
	}
	t.Assign(&c.Commit, t.Assigned)
	return c, nil
}

// Page is a part of a list of jobs.
type Page struct {
	Jobs   []queue.Info
	Next   uint64 // the cursor to go on with; 0: there are no more
	Counts queue.Counts
}

// Jobs lists up to limit jobs of a state with seqs after a cursor.
func (qs *Queues) Jobs(name string, state queue.State, after uint64, limit int) (*Page, error) {
	t, err := qs.openQueue(name)
	if err != nil {
		return nil, err
	}
	defer t.Mu.Unlock()
	at := topic.AtBoth(qs.shared.Clock.Now())
	p := t.Jobs.Queue.List(at, state, after, limit)
	out := &Page{Jobs: p.Jobs, Next: p.Next, Counts: t.Jobs.Queue.Counts(at)}
	qs.ServeLocked(t)
	return out, nil
}

// openQueue returns the queue of that name, with t.Mu held for writing, for a
// call that only reads.
func (qs *Queues) openQueue(name string) (*topic.Topic, error) {
	t := qs.catalog.Hold(name)
	if t == nil || !t.Visible {
		if t != nil {
			t.Mu.Unlock()
		}
		return nil, record.NotFound(name)
	}
	if t.Jobs == nil {
		defer t.Mu.Unlock()
		return nil, topic.ErrNotQueue(t)
	}
	t.ExpireLocked(qs.shared.Steady())
	return t, nil
}
