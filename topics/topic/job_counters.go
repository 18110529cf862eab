package topic

import (
	"sync/atomic"

	"github.com/e6e95bb8/topics/queue"
)

// JobTotals are the counters of all queues: gauges of now, and totals since
// start.
type JobTotals struct {
	Ready, Blocked, Delayed, InFlight int64
	DeadLetterBlocked                 int64 // that their dead-letter topics could not take

	Claimed, Acked, Nacked, Extended, Released, Promoted uint64
	Expired                                              uint64 // leases that ended by their deadlines
	DeadLettered                                         uint64
	Lost                                                 uint64 // by caps and ttls
}

// jobTotals are kept as atomics: reading them takes no lock.
type jobTotals struct {
	ready, blocked, delayed, inFlight, stuck atomic.Int64
	done                                     [queue.Bury + 1]atomic.Uint64 // jobs, by what was done
	expired, lost                            atomic.Uint64
}

// note counts a change that was applied.
func (t *jobTotals) note(c *queue.Change) { t.done[c.Kind].Add(uint64(len(c.Jobs))) }

// restart zeroes what counts since start, which replay went through again.
func (t *jobTotals) restart() {
	for i := range t.done {
		t.done[i].Store(0)
	}
	t.expired.Store(0)
	t.lost.Store(0)
}

// gauges moves the gauges from what was counted of a queue to what is true now.
func (t *jobTotals) gauges(was, is *queue.Counts) {
	t.ready.Add(is.Ready - was.Ready)
	t.blocked.Add(is.Blocked - was.Blocked)
	t.delayed.Add(is.Delayed - was.Delayed)
	t.inFlight.Add(is.InFlight - was.InFlight)
	t.stuck.Add(is.DeadLetterBlocked - was.DeadLetterBlocked)
}

func (t *jobTotals) read() JobTotals {
	done := func(k queue.Kind) uint64 { return t.done[k].Load() }
	return JobTotals{
		Ready: t.ready.Load(), Blocked: t.blocked.Load(), Delayed: t.delayed.Load(), InFlight: t.inFlight.Load(),
		DeadLetterBlocked: t.stuck.Load(),
		Claimed:           done(queue.Claim), Acked: done(queue.Ack), Nacked: done(queue.Nack), Extended: done(queue.Extend),
		Released: done(queue.Release), Promoted: done(queue.Promote), DeadLettered: done(queue.Bury),
		Expired: t.expired.Load(), Lost: t.lost.Load(),
	}
}

// CountJobsLocked brings the totals up to date with a queue that was served. t.Mu is
// held.
func (t *Topic) CountJobsLocked(at queue.Time) {
	j := t.Jobs
	now := j.Queue.Counted(at)
	t.Shared.Counters.jobs.gauges(&j.counted, &now)
	t.Shared.Counters.jobs.lost.Add(uint64(now.Lost - j.counted.Lost))
	t.Shared.Counters.jobs.expired.Add(uint64(j.Queue.Expired() - j.expired))
	j.expired = j.Queue.Expired()
	j.counted = now
}
