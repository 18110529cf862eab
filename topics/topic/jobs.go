package topic

import (
	"fmt"
	"math/rand/v2"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/rate"
	"github.com/e6e95bb8/topics/topics/record"
)

// Jobs is what a topic has that is a queue. The topic's lock guards it.
type Jobs struct {
	rates   *rate.Place // of claims, acks and nacks; apart, because it may outlive the queue
	Queue   *queue.Queue
	counted queue.Counts // what the totals have of it
	expired int64        // and of its expired leases

	Turn turn // the keeper's; its lock guards it
}

// turn is when a queue is to be served again.
type turn struct {
	At    int64 // on the steady clock
	Place int   // in the keeper's heap, from 1; 0 if it is not there
}

// liveRecords answers what a queue asks of its topic, whose lock is held.
type liveRecords struct{ t *Topic }

// Next returns the first live seq after another.
func (l liveRecords) Next(after uint64) (seq uint64, ok bool) {
	t := l.t
	seq = max(after+1, t.Earliest())
	for {
		seq = t.Deleted.Absent(seq)
		lost, any := t.Lost.From(seq)
		if !any || lost.From > seq {
			return seq, seq <= t.Head
		}
		seq = lost.To + 1
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

// IsLive reports whether a record is there. t.Mu is held.
func (t *Topic) IsLive(seq uint64) bool { return liveRecords{t}.Live(seq) }

// Count returns the number of live records.
func (l liveRecords) Count() int64 { return l.t.Live.Records }

// Came returns when a live record was written, on the steady clock.
func (l liveRecords) Came(seq uint64) int64 { return l.t.Arrivals.Of(seq, l.t.timestamp(seq)) }

// timestamp returns the timestamp of a live record.
func (t *Topic) timestamp(seq uint64) int64 {
	if first, ts, ok := t.First(); ok && first == seq {
		return ts
	}
	if c, ok := t.History.Column(seq); ok {
		return c.TS
	}
	f, _ := t.Index.Frame(seq)
	return f.TS
}

// AtBoth is a moment as the queues know it.
func AtBoth(m clock.Moment) queue.Time { return queue.Time{Mono: m.Steady, Wall: m.Wall} }

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
func (t *Topic) queueOptions(c *record.Config) queue.Options {
	return queue.Options{Config: queueConfig(c), Records: liveRecords{t}, Epoch: rand.Uint64(), Seed: t.ID}
}

// OpenJobs gives t what a queue has, if its config makes it one.
func (t *Topic) OpenJobs(c *record.Config) {
	if c.Type == record.TypeQueue && t.Jobs == nil {
		t.Jobs = &Jobs{rates: new(rate.Place), Queue: queue.Open(t.queueOptions(c))}
	}
}

// Logs reports whether a change of that kind needs an entry of the log.
func (j *Jobs) Logs(k queue.Kind) bool {
	switch k {
	case queue.Ack, queue.Bury, queue.Promote:
		return true
	}
	return j.Queue.Config().LeasesDurable
}

// CheckQueueLocked reports whether t is a queue that takes calls. t.Mu is held.
func (t *Topic) CheckQueueLocked() error {
	switch {
	case t.Ending > 0 || t.broken != nil:
		return t.Refusal()
	case t.Dropped || !t.Visible:
		return record.NotFound(t.Name)
	case t.Jobs == nil:
		return ErrNotQueue(t)
	}
	return nil
}

func ErrNotQueue(t *Topic) error {
	return &record.Error{
		Kind: record.KindNotQueue, Message: fmt.Sprintf("topic %q is not a queue: its type is %q", t.Name, t.Config.Type),
		Detail: map[string]any{"topic": t.Name, "type": string(t.Config.Type)},
	}
}

// goneThroughLocked tells the queue that the records up to a seq went, n of which were
// live. at is on the steady clock. t.Mu is held.
func (t *Topic) goneThroughLocked(at int64, through uint64, how queue.End, n int64) {
	if t.Jobs == nil || n == 0 {
		return
	}
	t.Jobs.Queue.EndThrough(queue.Time{Mono: at, Wall: at}, through, how, n)
	t.serve()
}

// removeSeqsLocked deletes the live records of a set. It returns their size. t.Mu is
// held.
func (t *Topic) removeSeqsLocked(set *index.SeqSet) (size record.Size) {
	if set.Empty() {
		return record.Size{}
	}
	size = t.sum(set)
	t.Grow(record.Size{Records: -size.Records, Bytes: -size.Bytes})
	if t.Deleted == nil {
		t.Deleted = &index.SeqSet{}
	}
	t.Deleted.Unite(set)
	t.settleFront()
	t.Shared.Counters.Ephemeral.Add(-int64(t.Index.Prune(set, t.Deleted)))
	t.Tags.Prune(set, t.Deleted)
	return size
}

// SizeOfLocked returns the size of the live records of set. It takes the seqs that are
// not live out of it. t.Mu is held.
func (t *Topic) SizeOfLocked(set *index.SeqSet) record.Size {
	t.keepLive(set)
	return t.sum(set)
}

// keepLive takes the seqs that were deleted, or are below the first live record, out
// of set.
func (t *Topic) keepLive(set *index.SeqSet) {
	set.RemoveRange(0, t.Earliest()-1)
	set.Subtract(t.Deleted)
}

// sum returns the size of the records of set, all of which are live.
func (t *Topic) sum(set *index.SeqSet) record.Size {
	size := t.History.Sum(set)
	size.Add(t.Index.Sum(set))
	return size
}

// ApplyJobsLocked does what a change says, and counts it. t.Mu is held.
func (t *Topic) ApplyJobsLocked(change *queue.Change) {
	t.Jobs.Queue.Apply(change)
	t.Shared.Counters.jobs.note(change)
	t.countJobs(change)
}

// AbortJobsLocked takes a change back that did not get its place, or failed. t.Mu is
// held.
func (t *Topic) AbortJobsLocked(change *queue.Change) {
	if t.Jobs != nil {
		t.Jobs.Queue.Abort(change)
		t.serve()
	}
}

// EndJobsLocked ends the queue. t.Mu is held.
func (t *Topic) EndJobsLocked() {
	t.Shared.Counters.jobs.gauges(&t.Jobs.counted, &queue.Counts{})
	t.Jobs = nil
}
