package queue

// ReasonMaxDeliveries and ReasonRejected are why a job is dead-lettered if the
// nack gave no reason of its own.
const (
	ReasonMaxDeliveries = "max_deliveries"
	ReasonRejected      = "rejected"
)

// buryLimit is how many jobs may wait for their move before a claim looks no
// further: it goes on when they are moved.
const buryLimit = 1000

// over reports whether a ready job is to be dead-lettered instead of delivered.
func (q *Queue) over(j *job) bool { return !j.is(stuck) && q.cfg.limited(j.deliveries) }

// die makes a lifted job wait for its move since a time.
func (q *Queue) die(j *job, at int64) {
	j.state, j.at = dying, at
	j.marks &^= byWall | byWrite
}

// Dying reports whether jobs wait for their move.
func (q *Queue) Dying() bool { return len(q.dying) > 0 && q.cfg.DeadLetter }

// crowded reports whether so many wait for it that a claim is to look no further.
func (q *Queue) crowded() bool { return len(q.dying) >= buryLimit && q.cfg.DeadLetter }

// reviving reports whether jobs were to move to a topic which is none any more.
func (q *Queue) reviving() bool { return len(q.dying) > 0 && !q.cfg.DeadLetter }

// Bury returns up to limit jobs that are to move to the dead-letter topic now;
// nil if there is none. Apply follows when both topics have the move, else Abort:
// then the jobs stay, claimable, and are tried again when their next delivery
// ends.
func (q *Queue) Bury(now Time, limit int) *Change {
	c := &Change{Kind: Bury, At: now}
	for q.Dying() && len(c.Jobs) < limit {
		j := q.known(q.dying[0])
		q.dying = q.dying[1:]
		if j == nil || j.state != dying || j.pending != 0 {
			continue
		}
		q.hold(j, Bury)
		reason := ReasonMaxDeliveries
		if j.extra != nil && j.extra.reason != "" {
			reason = j.extra.reason
		}
		c.Jobs = append(c.Jobs, Changed{Seq: j.seq, Deliveries: j.deliveries, Reason: reason})
	}
	if len(q.dying) == 0 {
		q.dying = nil
	}
	return c.orNil()
}

// revive gives back the first n of the jobs that were to move to a topic which is none
// any more. It returns how many it were.
func (q *Queue) revive(n int) (done int) {
	for ; done < n && q.reviving(); done++ {
		j := q.known(q.dying[0])
		q.dying = q.dying[1:]
		if j == nil || j.state != dying || j.pending != 0 {
			continue
		}
		if j.extra != nil {
			j.extra.reason = ""
		}
		q.lift(j)
		q.settle(j, j.at)
		q.place(j)
	}
	if len(q.dying) == 0 {
		q.dying = nil
	}
	return done
}
