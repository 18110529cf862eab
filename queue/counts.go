package queue

// Counts are how many jobs of a queue are in which state. Ready, Blocked,
// Delayed and InFlight together are the queue's live records.
type Counts struct {
	Ready    int64 // a claim could take them now
	Blocked  int64 // wait for an older job of their group
	Delayed  int64 // wait for their time
	InFlight int64 // leased, or in the middle of a call

	DeadLettered      int64 // moved to the dead-letter topic since the queue was made
	DeadLetterBlocked int64 // jobs here that the dead-letter topic could not take
	Lost              int64 // taken by a cap or by their ttl, in whatever state
	OldestReadyMS     int64 // how long the longest-ready job has been ready, or 0
}

// Counts returns what is true at now, whether or not a timer has run.
func (q *Queue) Counts(now Time) Counts {
	q.Advance(now)
	return q.Counted(now)
}

// Counted is Counts of what Advance has applied so far. It is for those who have called
// Serve and go by Next: another Advance may leave nothing for which Next returns a time,
// and jobs for which waiters have not been served.
func (q *Queue) Counted(now Time) Counts {
	in := &q.census.all.states
	c := Counts{
		Ready:   q.available(),
		Blocked: in[Blocked], Delayed: in[Delayed], InFlight: in[InFlight],
		DeadLettered: q.deadLettered, DeadLetterBlocked: q.census.all.stuck, Lost: q.lost,
	}
	if since, any := q.oldestReady(); any {
		c.OldestReadyMS = max(now.Mono-since, 0)
	}
	return c
}

// Expired returns how many leases ended by their deadlines since the queue was
// opened.
func (q *Queue) Expired() int64 { return q.expired }

// oldestReady returns since when the longest-ready job has been ready.
func (q *Queue) oldestReady() (since int64, any bool) {
	for range q.limit {
		e, ok := q.ages.min()
		if !ok || !q.sweepOut(e.seq) {
			since, any = e.at, ok
			break
		}
	}
	if seq, ok := q.plainFront(); ok {
		came := q.records.Came(seq)
		if !any || came < since {
			since, any = came, true
		}
	}
	return since, any
}
