package queue

import (
	"math"
	"sort"
)

// End is why records went that no call of a worker took.
type End uint8

// The ends that come from outside. Evicted ones, by a cap or their ttl, are lost.
const (
	Deleted End = iota
	Evicted
)

// sweep is an end of all jobs through a seq that the queue is still at work on.
// The jobs are no longer counted, listed, found or given out, and their keys are free;
// they are still in the trees and in their groups, and streams have slots for them.
type sweep struct {
	through uint64
	at      int64 // when they ended
}

// EndThrough ends the jobs up to a seq. n is how many live records went. Of more
// than q.limit jobs it takes out the first, and Advance the others: until
// then jobs after the seq may count as blocked by those of their group.
func (q *Queue) EndThrough(at Time, through uint64, how End, n int64) {
	q.tally(how, n)
	through = min(through, q.head)
	from := q.ended() + 1
	if through < from {
		return
	}
	q.jobs.Ascend(max(q.census.cut(through), from), func(seq uint64, j *job) bool {
		if seq > through {
			return false
		}
		q.census.add(j, -1)
		return true
	})
	q.sweeps = append(q.sweeps, sweep{through, at.Mono})
	q.sweep(q.limit)
}

// EndJobs ends jobs, all of which were live.
func (q *Queue) EndJobs(at Time, seqs []uint64, how End) {
	for _, seq := range seqs {
		if j := q.known(seq); j != nil {
			q.gone(j, at.Mono)
		}
	}
	q.tally(how, int64(len(seqs)))
}

// Prune ends the jobs whose records are not live, as a repair finds them.
func (q *Queue) Prune(at Time) {
	q.sweep(math.MaxInt)
	var lost []*job
	q.jobs.Scan(func(seq uint64, j *job) bool {
		if !q.records.Live(seq) {
			lost = append(lost, j)
		}
		return true
	})
	for _, j := range lost {
		q.gone(j, at.Mono)
	}
}

// tally counts what is lost.
func (q *Queue) tally(how End, n int64) {
	if how == Evicted {
		q.lost += n
	}
}

// ended returns the seq up to which all jobs have ended that sweeps are still to take
// out, or 0.
func (q *Queue) ended() uint64 {
	n := len(q.sweeps)
	if n == 0 {
		return 0
	}
	return q.sweeps[n-1].through
}

// known returns the state of a job that has more than its record, or nil.
func (q *Queue) known(seq uint64) *job {
	if seq <= q.ended() {
		return nil
	}
	j, _ := q.jobs.Get(seq)
	return j
}

// sweep takes out the first n jobs that have ended. It returns how many it were.
func (q *Queue) sweep(n int) (done int) {
	for len(q.sweeps) > 0 {
		seq, j, ok := q.jobs.Min()
		if !ok || seq > q.sweeps[0].through {
			q.sweeps = q.sweeps[1:]
			continue
		}
		if done == n {
			return done
		}
		q.gone(j, q.sweeps[0].at)
		done++
	}
	q.sweeps = nil
	return done
}

// sweepOut takes out a job ahead of those before it, if it has ended.
func (q *Queue) sweepOut(seq uint64) (out bool) {
	if seq > q.ended() {
		return false
	}
	i := sort.Search(len(q.sweeps), func(i int) bool { return q.sweeps[i].through >= seq })
	j, _ := q.jobs.Get(seq)
	q.gone(j, q.sweeps[i].at)
	return true
}

// gone takes out a job that was not ended by its holder.
func (q *Queue) gone(j *job, at int64) {
	if j.lease != nil && (j.state == InFlight || j.pending == Claim) {
		q.lose(j, Gone)
	}
	q.end(j, at)
}
