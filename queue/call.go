package queue

// Ack judges the end of jobs by their holder. now is when the call came. The
// change is nil if the caller holds none of them; the others are skipped, in
// order, each once.
func (q *Queue) Ack(now Time, call Call) (*Change, []Skip) {
	c := &Change{Kind: Ack, At: now}
	return q.judge(c, &call, func(*job) Changed { return Changed{} })
}

// Return is how a nack gives its jobs back.
type Return struct {
	DelayMS   int64 // if Delayed; else the back-off decides
	Delayed   bool
	Dead      bool   // to the dead-letter topic
	Reason    string // of Dead; ReasonRejected if empty
	Unstarted bool   // the delivery does not count, and is no failure
	Leaving   bool   // the node's streams take no further job: it is about to end them
}

// Nack judges the end of a delivery that failed, or that never began.
func (q *Queue) Nack(now Time, call Call, r Return) (*Change, []Skip) {
	if r.Reason == "" {
		r.Reason = ReasonRejected
	}
	if r.Leaving {
		q.retire(call.Node)
	}
	c := &Change{Kind: Nack, At: now}
	return q.judge(c, &call, func(j *job) Changed {
		n := Changed{Deliveries: j.deliveries, Unstarted: r.Unstarted}
		if r.Unstarted {
			n.Deliveries -= min(n.Deliveries, 1)
		}
		switch {
		case r.Delayed:
			n.DelayMS = ClampDelay(r.DelayMS)
		case !r.Unstarted:
			n.DelayMS = q.withJitter(&q.cfg, j)
		}
		if r.Dead {
			n.Rejected, n.Reason = true, r.Reason
		}
		return n
	})
}

// Extend judges a new deadline, leaseMS from now. It may be an earlier one.
func (q *Queue) Extend(now Time, call Call, leaseMS int64) (*Change, []Skip) {
	c := &Change{Kind: Extend, At: now, LeaseMS: q.cfg.ClampLease(leaseMS)}
	return q.judge(c, &call, func(j *job) Changed { return Changed{Deliveries: j.deliveries} })
}

// judge adds to c the jobs that the caller holds, and makes them pending.
func (q *Queue) judge(c *Change, call *Call, does func(*job) Changed) (*Change, []Skip) {
	q.alive(call.Node)
	return q.each(c, call.Seqs, func(i int) (*job, Reason) { return q.held(c.At, call, i) }, does)
}

// each adds to c the jobs that find returns, each once, and holds them.
func (q *Queue) each(c *Change, seqs []uint64, find func(i int) (*job, Reason), does func(*job) Changed) (*Change, []Skip) {
	var skips []Skip
	seen := make(map[uint64]struct{}, len(seqs))
	for i, seq := range seqs {
		if _, twice := seen[seq]; twice {
			continue
		}
		seen[seq] = struct{}{}
		j, why := find(i)
		if j == nil {
			skips = append(skips, Skip{seq, why})
			continue
		}
		changed := does(j)
		changed.Seq = seq
		q.hold(j, c.Kind)
		c.Jobs = append(c.Jobs, changed)
	}
	return c.orNil(), skips
}

// Release judges that leases are taken away by an authorized caller. Their
// deliveries do not count.
func (q *Queue) Release(now Time, seqs []uint64) (*Change, []Skip) {
	q.Advance(now)
	c := &Change{Kind: Release, At: now}
	return q.each(c, seqs, func(i int) (*job, Reason) {
		q.advanceJob(now, seqs[i])
		j, why := q.idle(seqs[i])
		switch {
		case j == nil:
			return nil, why
		case j.state != InFlight && j.is(delivered):
			return nil, Expired
		case j.state != InFlight:
			return nil, Unknown
		}
		return j, ""
	}, uncounted)
}

// uncounted takes back that a delivery was counted.
func uncounted(j *job) Changed { return Changed{Deliveries: j.deliveries - min(j.deliveries, 1)} }

// Undo judges the return of what a claim was given and could not be delivered,
// since its client is gone. The deliveries do not count.
func (q *Queue) Undo(now Time, claim *Change) *Change {
	c := &Change{Kind: Release, At: now}
	for i := range claim.Jobs {
		j, _ := q.idle(claim.Jobs[i].Seq)
		if j == nil || j.state != InFlight || j.lease.id != claim.Lease(i) {
			continue
		}
		changed := uncounted(j)
		changed.Seq = j.seq
		q.hold(j, Release)
		c.Jobs = append(c.Jobs, changed)
	}
	return c.orNil()
}

// Promote judges that delayed jobs are due now.
func (q *Queue) Promote(now Time, seqs []uint64) (*Change, []Skip) {
	q.Advance(now)
	c := &Change{Kind: Promote, At: now}
	return q.each(c, seqs, func(i int) (*job, Reason) {
		q.advanceJob(now, seqs[i])
		j, why := q.idle(seqs[i])
		switch {
		case j == nil:
			return nil, why
		case j.state == InFlight || j.state == dying:
			return nil, Held
		case j.state != Delayed:
			return nil, Unknown
		}
		return j, ""
	}, func(j *job) Changed { return Changed{Deliveries: j.deliveries} })
}
