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
func (q *Queue) Dying() bool { return len(q.dying) > 0 }

// Bury returns up to limit jobs that are to move to the dead-letter topic now;
// nil if there is none. Apply follows when both topics have the move, else Abort:
// then the jobs stay, claimable, and are tried again when their next delivery
// ends.
func (q *Queue) Bury(now Time, limit int) *Change {
	c := &Change{Kind: Bury, At: now}
	for len(q.dying) > 0 && len(c.Jobs) < limit {
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

// revive gives back the jobs that were to move to a topic which is none any
// more.
func (q *Queue) revive() {
	for _, seq := range q.dying {
		j := q.known(seq)
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
	q.dying = nil
}
