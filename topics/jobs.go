package topics

import (
	"fmt"
	"math/rand/v2"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// jobs is what a topic has that is a queue. The topic's lock guards it.
type jobs struct {
	queue   *queue.Queue
	counted queue.Counts // what the totals have of it
	expired int64        // and of its expired leases

	turn turn // the keeper's; its lock guards it
}

// turn is when a queue is to be served again.
type turn struct {
	at    int64 // on the steady clock
	place int   // in the keeper's heap, from 1; 0 if it is not there
}

// liveRecords answers what a queue asks of its topic, whose lock is held.
type liveRecords struct{ t *topic }

// Next returns the first live seq after another.
func (l liveRecords) Next(after uint64) (seq uint64, ok bool) {
	t := l.t
	seq = max(after+1, t.earliest())
	for {
		seq = t.deleted.Absent(seq)
		lost, any := t.lost.from(seq)
		if !any || lost.from > seq {
			return seq, seq <= t.head
		}
		seq = lost.to + 1
	}
}

// Live reports whether a record is there.
func (l liveRecords) Live(seq uint64) bool {
	if seq == 0 {
		return false
	}
	next, ok := l.Next(seq - 1)
	return ok && next == seq
}

// Count returns the number of live records.
func (l liveRecords) Count() int64 { return l.t.live.Records }

// Came returns when a live record was written, on the steady clock.
func (l liveRecords) Came(seq uint64) int64 { return l.t.came.Of(seq, l.t.timestamp(seq)) }

// timestamp returns the timestamp of a live record.
func (t *topic) timestamp(seq uint64) int64 {
	if first, ts, ok := t.first(); ok && first == seq {
		return ts
	}
	if c, ok := t.history.Column(seq); ok {
		return c.TS
	}
	f, _ := t.index.Frame(seq)
	return f.TS
}

// atBoth is a moment as the queues know it.
func atBoth(m clock.Moment) queue.Time { return queue.Time{Mono: m.Steady, Wall: m.Wall} }

// queueConfig returns what of a topic's config concerns its jobs.
func queueConfig(c *record.Config) queue.Config {
	return queue.Config{
		LeaseMS: c.LeaseMS, ClaimJitterMS: c.ClaimJitterMS,
		MaxDeliveries: c.MaxDeliveries, DeadLetter: c.DeadLetter != nil,
		LeasesDurable: c.LeasesDurable, RetryBackoffMS: c.RetryBackoffMS, RetryBackoffMaxMS: c.RetryBackoffMaxMS,
		GroupConcurrency: int(c.GroupConcurrency), Paused: c.Paused,
	}
}

// queueOptions returns what the queue of t is opened with. An epoch is drawn for
// each, so that no lease of a topic that was made again has been given before.
func (t *topic) queueOptions(c *record.Config) queue.Options {
	return queue.Options{Config: queueConfig(c), Records: liveRecords{t}, Epoch: rand.Uint64(), Seed: t.id}
}

// openJobs gives t what a queue has, if its config makes it one.
func (t *topic) openJobs(c *record.Config) {
	if c.Type == record.TypeQueue && t.jobs == nil {
		t.jobs = &jobs{queue: queue.Open(t.queueOptions(c))}
	}
}

// logs reports whether a change of that kind needs an entry of the log.
func (j *jobs) logs(k queue.Kind) bool {
	switch k {
	case queue.Ack, queue.Bury, queue.Promote:
		return true
	}
	return j.queue.Config().LeasesDurable
}

// checkQueueLocked reports whether t is a queue that takes calls. t.mu is held.
func (t *topic) checkQueueLocked() error {
	switch {
	case t.ending > 0 || t.broken != nil:
		return t.refusal()
	case t.dropped || !t.visible:
		return record.NotFound(t.name)
	case t.jobs == nil:
		return errNotQueue(t)
	}
	return nil
}

func errNotQueue(t *topic) error {
	return &record.Error{
		Kind: record.KindNotQueue, Message: fmt.Sprintf("topic %q is not a queue: its type is %q", t.name, t.cfg.Type),
		Detail: map[string]any{"topic": t.name, "type": string(t.cfg.Type)},
	}
}

// goneThroughLocked tells the queue that the records up to a seq went, n of which were
// live. at is on the steady clock. t.mu is held.
func (t *topic) goneThroughLocked(at int64, through uint64, how queue.End, n int64) {
	if t.jobs == nil || n == 0 {
		return
	}
	t.jobs.queue.EndThrough(queue.Time{Mono: at, Wall: at}, through, how, n)
	t.serve()
}

// removeSeqsLocked deletes the live records of a set. It returns their size. t.mu is
// held.
func (t *topic) removeSeqsLocked(set *index.SeqSet) (size record.Size) {
	if set.Empty() {
		return record.Size{}
	}
	size = t.history.Sum(set)
	size.Add(t.index.Sum(set))
	t.grow(record.Size{Records: -size.Records, Bytes: -size.Bytes})
	if t.deleted == nil {
		t.deleted = &index.SeqSet{}
	}
	t.deleted.Unite(set)
	t.settleFront()
	t.shared.totals.ephemeral.Add(-int64(t.index.Prune(set, t.deleted)))
	t.tags.Prune(set, t.deleted)
	return size
}

// applyJobsLocked does what a change says, and counts it. t.mu is held.
func (t *topic) applyJobsLocked(change *queue.Change) {
	t.jobs.queue.Apply(change)
	t.shared.totals.jobs.note(change)
}

// abortJobsLocked takes a change back that did not get its place, or failed. t.mu is
// held.
func (t *topic) abortJobsLocked(change *queue.Change) {
	if t.jobs != nil {
		t.jobs.queue.Abort(change)
		t.serve()
	}
}

// endJobsLocked ends the queue. t.mu is held.
func (t *topic) endJobsLocked() {
	t.shared.totals.jobs.gauges(&t.jobs.counted, &queue.Counts{})
	t.jobs = nil
}
