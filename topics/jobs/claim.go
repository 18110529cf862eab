package jobs

import (
	"context"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Claim asks for jobs of a queue. Its caller has checked the node and clamped
// the numbers.
type Claim struct {
	Node    string
	Max     int
	LeaseMS int64 // 0: the queue's
	WaitMS  int64 // how long to wait for a job
}

func (c *Claim) request() queue.Request {
	return queue.Request{Node: c.Node, Max: c.Max, LeaseMS: c.LeaseMS, WaitMS: c.WaitMS}
}

// Job is a job as it is delivered.
type Job struct {
	record.Record
	Lease      queue.LeaseID
	Deadline   int64 // the last Unix ms of the lease
	Deliveries uint32
}

// Claimed answers a Claim.
type Claimed struct {
	Jobs   []Job
	Counts queue.Counts
	Cost   topic.Cost

	topic  *topic.Topic
	change *queue.Change
}

// claiming is a claim in the line of its queue.
type claiming struct {
	answer chan grant // capacity 1: there is one answer
	waiter *queue.Waiter
}

// grant is what a claim or a worker gets. A nil change is no job.
type grant struct {
	change  *queue.Change
	pending bool // who gets it has to commit it: leases are logged
	err     error
}

// Claim returns jobs, which are the node's until their deadlines. Without one it
// waits as long as the claim says; a ctx that ends only ends the wait, and the
// claim takes no job.
func (qs *Queues) Claim(ctx context.Context, name string, c *Claim) (*Claimed, error) {
	req := c.request()
	until := qs.shared.Steady() + max(c.WaitMS, 0)
	for {
		t, w, err := qs.enqueueClaim(ctx, name, req)
		if err != nil {
			return nil, err
		}
		g := qs.awaitGrant(ctx, t, w)
		if g.err != nil {
			return nil, g.err
		}
		left := until - qs.shared.Steady()
		if g.change == nil && ctx.Err() == nil && !qs.draining.Load() && qs.buryNow(ctx, t) {
			req.WaitMS = max(left, 0) // what died has made place for others
			continue
		}
		return qs.claimed(ctx, t, g)
	}
}

// enqueueClaim puts a claim in line, and answers it if that is possible at once.
// What is to be dead-lettered goes first, for others may be ready then.
func (qs *Queues) enqueueClaim(ctx context.Context, name string, req queue.Request) (*topic.Topic, *claiming, error) {
	for {
		t, err := qs.holdLive(name)
		if err != nil {
			return nil, nil, err
		}
		now := qs.shared.Clock.Now()
		t.Jobs.Queue.Advance(topic.AtBoth(now))
		if t.Jobs.Queue.Dying() {
			t.Mu.Unlock()
			if qs.buryNow(ctx, t) {
				continue
			}
			t, err = qs.holdLive(name)
			if err != nil {
				return nil, nil, err
			}
		}
		w := &claiming{answer: make(chan grant, 1)}
		if qs.draining.Load() {
			w.answer <- grant{}
			t.Mu.Unlock()
			return t, w, nil
		}
		w.waiter = t.Jobs.Queue.Wait(topic.AtBoth(qs.shared.Clock.Now()), req)
		w.waiter.Data = w
		qs.ServeLocked(t)
		t.Mu.Unlock()
		return t, w, nil
	}
}

// holdLive is holdQueue for a call that takes no place in the log of its own: it
// waits for a change of the same name, and is refused if the log cannot be
// written to.
func (qs *Queues) holdLive(name string) (*topic.Topic, error) {
	for {
		t, err := qs.holdQueue(name)
		if err == nil {
			err = qs.writable()
			if err == nil {
				return t, nil
			}
			t.Mu.Unlock()
		}
		again, err := qs.shared.Again(err)
		if !again {
			return nil, topic.LogError(err)
		}
	}
}

// writable returns an error if the log takes no entry any more: then a job must
// not be delivered, because it could not be acked.
func (qs *Queues) writable() error {
	return qs.shared.Log.Refusal()
}

// awaitGrant waits for the answer of a claim in line. If ctx ends first, the
// claim leaves the line without a job.
func (qs *Queues) awaitGrant(ctx context.Context, t *topic.Topic, w *claiming) grant {
	select {
	case g := <-w.answer:
		return g
	default:
	}
	select {
	case g := <-w.answer:
		return g
	case <-ctx.Done():
	}
	t.Mu.Lock()
	defer t.Mu.Unlock()
	select {
	case g := <-w.answer:
		g.returnLocked(t)
		qs.ServeLocked(t)
		return grant{err: g.err}
	default:
	}
	if t.Jobs != nil {
		t.Jobs.Queue.Leave(topic.AtBoth(qs.shared.Clock.Now()), w.waiter)
		qs.ServeLocked(t)
	}
	return grant{}
}

// returnLocked undoes a grant that is not taken. If it is pending, it is not
// committed yet. t.Mu is held.
func (g grant) returnLocked(t *topic.Topic) {
	if g.change == nil || t.Jobs == nil {
		return
	}
	q := t.Jobs.Queue
	if g.pending {
		q.Abort(g.change)
	} else if undo := q.Undo(topic.AtBoth(t.Shared.Clock.Now()), g.change); undo != nil {
		q.Apply(undo)
	}
}

// claimed commits a grant, if leases are logged, and answers the claim.
func (qs *Queues) claimed(ctx context.Context, t *topic.Topic, g grant) (*Claimed, error) {
	out := &Claimed{topic: t, change: g.change}
	if g.change != nil {
		var err error
		var rest *queue.Change
		out.Jobs, rest, out.Cost, err = qs.deliverJobs(ctx, t, g)
		if err != nil {
			return nil, err
		}
		if rest != nil {
			qs.undo(t, rest)
		}
	}
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if t.Jobs != nil {
		out.Counts = t.Jobs.Queue.Counts(topic.AtBoth(qs.shared.Clock.Now()))
	}
	return out, nil
}

// deliverJobs commits a grant if it is pending, and returns its jobs. Those that
// ended meanwhile are not among them. If it fails, the jobs are free again.
//
// It reads no more than about deliveryBytes at a time: rest is the claim of the
// jobs that it leaves, nil if there are none.
func (qs *Queues) deliverJobs(ctx context.Context, t *topic.Topic, g grant) (list []Job, rest *queue.Change, cost topic.Cost, err error) {
	change := g.change
	if g.pending {
		cost, err = qs.commitJobs(ctx, t, change)
		if err != nil {
			return nil, nil, cost, err
		}
	}
	now := qs.shared.Clock.Now()
	records, n, err := qs.pickSome(ctx, t, change.Seqs(), &cost)
	if err == nil {
		err = qs.writable()
	}
	if err != nil {
		qs.undo(t, change)
		return nil, nil, cost, topic.LogError(err)
	}
	if n < len(change.Jobs) {
		rest = change.From(n)
	}
	list = make([]Job, 0, n)
	for i := range n {
		c := &change.Jobs[i]
		rec, live := records[c.Seq]
		if !live {
			continue
		}
		list = append(list, Job{
			Record: rec, Lease: change.Lease(i), Deadline: onWall(now, change.Deadline()), Deliveries: c.Deliveries,
		})
		qs.shared.Counters.Delivered.Add(record.Size{Records: 1, Bytes: int64(rec.PayloadBytes())})
	}
	return list, rest, cost, nil
}

// deliveryBytes is how much payload one delivery of jobs has, give or take some
// jobs, and firstPick how many jobs are read before their size is known.
const (
	deliveryBytes = 8 << 20
	firstPick     = 8
)

// pickSome reads the records of the first n of some jobs, at least of one.
func (qs *Queues) pickSome(
	ctx context.Context, t *topic.Topic, seqs []uint64, cost *topic.Cost,
) (records map[uint64]record.Record, n int, err error) {
	records = make(map[uint64]record.Record, len(seqs))
	bytes, piece := 0, firstPick
	for n < len(seqs) && bytes < deliveryBytes {
		next := seqs[n:min(n+piece, len(seqs))]
		part, err := t.Pick(ctx, next, cost)
		if err != nil {
			return nil, 0, err
		}
		for seq, rec := range part {
			records[seq] = rec
			bytes += rec.PayloadBytes()
		}
		n += len(next)
		piece = max(1, (deliveryBytes-bytes)/(bytes/n+1))
	}
	return records, n, nil
}

// onWall converts a time on the steady clock to the wall clock.
func onWall(now clock.Moment, steady int64) int64 { return steady - now.Steady + now.Wall }

// GiveBack returns the jobs of a claim whose answer could not be delivered. The
// deliveries do not count.
func (qs *Queues) GiveBack(_ string, c *Claimed) {
	if c.change != nil {
		qs.undo(c.topic, c.change)
	}
}

// undo ends the leases of a claim that was applied.
func (qs *Queues) undo(t *topic.Topic, claim *queue.Change) {
	t.Mu.Lock()
	if t.Jobs == nil {
		t.Mu.Unlock()
		return
	}
	change := t.Jobs.Queue.Undo(topic.AtBoth(qs.shared.Clock.Now()), claim)
	logged := change != nil && t.Jobs.Logs(queue.Release)
	if change != nil && !logged {
		t.Jobs.Queue.Apply(change)
		qs.ServeLocked(t)
	}
	t.Mu.Unlock()
	if logged {
		_, _ = qs.commitJobs(context.Background(), t, change) // else they expire
	}
}
