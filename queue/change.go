package queue

import "math"

// Kind is the kind of a change.
type Kind uint8

// The kinds of changes.
const (
	Claim   Kind = iota + 1 // deliver them
	Ack                     // end them
	Nack                    // end their delivery: they come back
	Extend                  // move their deadline
	Release                 // end their delivery, without a back-off
	Promote                 // make them due
	Bury                    // end them: they are in the dead-letter topic
)

// Change is the effect of one call on jobs, judged and not yet applied. Its jobs are
// pending: they neither expire nor are they handed out, until Apply or Abort.
// A log entry that carries the fields which doc.go lists for its kind can be
// applied again by a replay.
type Change struct {
	Kind    Kind
	At      Time    // when the call came, which decides what is in time
	Node    string  // Claim
	First   LeaseID // Claim: the first job's; the others' count on
	LeaseMS int64   // Claim, Extend
	Counted bool    // Release: the delivery counts, and may have been the last
	Jobs    []Changed

	stream *Waiter
}

// Changed is the effect of a change on one job.
type Changed struct {
	Seq        uint64
	Deliveries uint32 // from now on
	DelayMS    int64  // Nack
	Rejected   bool   // Nack: to be dead-lettered, whatever its deliveries
	Unstarted  bool   // Nack: the delivery does not count
	Reason     string // Nack of a rejected job; Bury
}

// Lease returns the lease of the i-th job of a claim.
func (c *Change) Lease(i int) LeaseID {
	return LeaseID{c.First.Epoch, c.First.N + uint64(i)}
}

// From returns the claim of the jobs from the i-th on.
func (c *Change) From(i int) *Change {
	rest := *c
	rest.Jobs, rest.First = c.Jobs[i:], c.Lease(i)
	return &rest
}

// Gives reports whether a claim gives a lease.
func (c *Change) Gives(id LeaseID) bool {
	return c.Kind == Claim && id.Epoch == c.First.Epoch && id.N >= c.First.N && id.N-c.First.N < uint64(len(c.Jobs))
}

// Deadline is the last millisecond, on the monotonic clock, of the leases that a
// claim or an extend gives.
func (c *Change) Deadline() int64 { return c.At.Mono + c.LeaseMS }

// Seqs returns the jobs of the change.
func (c *Change) Seqs() []uint64 {
	seqs := make([]uint64, len(c.Jobs))
	for i := range c.Jobs {
		seqs[i] = c.Jobs[i].Seq
	}
	return seqs
}

// orNil is the change, unless it has no job.
func (c *Change) orNil() *Change {
	if len(c.Jobs) == 0 {
		return nil
	}
	return c
}

// Apply does what c says: when its entry is committed, and in a replay. It
// depends on nothing but c, the config and the jobs as they are.
func (q *Queue) Apply(c *Change) {
	q.sweep(len(c.Jobs)) // some may have had nothing but their records
	for i := range c.Jobs {
		if c.Kind == Promote { // a replay has not looked yet at whether its lease was over
			q.advanceJob(Time{Mono: c.At.Mono, Wall: math.MinInt64}, c.Jobs[i].Seq)
		}
		q.apply(c, i)
	}
	if c.Kind == Bury {
		q.deadLettered += int64(len(c.Jobs))
	}
}

func (q *Queue) apply(c *Change, i int) {
	change := &c.Jobs[i]
	if c.Kind == Ack || c.Kind == Bury {
		if j := q.known(change.Seq); j != nil {
			q.end(j, c.At.Mono)
		}
		return
	}
	j := q.found(change.Seq)
	if j == nil {
		return
	}
	if c.Kind != Claim && c.Kind != Extend {
		q.unlease(j)
	}
	q.lift(j)
	switch c.Kind {
	case Claim:
		if j.pending != Claim {
			j.lease = c.lease(i)
		}
		q.deliver(j, c)
		j.deliveries = change.Deliveries
	case Extend:
		q.prolong(j, c)
	case Nack:
		q.nacked(j, c.At.Mono, change)
	case Release:
		q.released(j, c, change)
	case Promote:
		if j.state == Delayed {
			q.settle(j, c.At.Mono)
		}
	}
	j.pending = 0
	q.place(j)
}

func (c *Change) lease(i int) *lease {
	return &lease{id: c.Lease(i), deadline: c.Deadline(), node: c.Node, stream: c.stream}
}

// deliver puts a job in flight.
func (q *Queue) deliver(j *job, c *Change) {
	j.state, j.at = InFlight, c.Deadline()+1
	j.marks = j.marks&^(byWall|byWrite) | delivered
}

// prolong moves the deadline of a lease. One that a timer has ended after the
// call had come is as it was.
func (q *Queue) prolong(j *job, c *Change) {
	l := j.lease
	if l == nil {
		return // its claim was not logged
	}
	l.deadline = c.Deadline()
	switch w := l.stream; {
	case w == nil:
	case w.closed || j.state != InFlight && len(w.held) >= w.Max: // its slot may have another job by now
		l.stream = nil // from now on it is the node's
	case j.state != InFlight:
		w.held[j.seq] = struct{}{}
		q.reseat(w)
	}
	q.deliver(j, c)
}

// nacked returns the effect of a nack on a lifted job.
func (q *Queue) nacked(j *job, at int64, c *Changed) {
	j.lease, j.deliveries = nil, c.Deliveries
	j.marks &^= byWall | byWrite
	j.marks |= delivered
	switch {
	case c.Rejected && q.cfg.DeadLetter:
		j.more().reason = c.Reason
		q.die(j, at)
	case c.Unstarted && c.DelayMS <= 0:
		q.settle(j, at)
	case c.Unstarted:
		j.state, j.at = Delayed, at+c.DelayMS
	default:
		q.retry(&q.cfg, j, at, c.DelayMS)
	}
}

// released returns the effect of a release on a lifted job.
func (q *Queue) released(j *job, c *Change, change *Changed) {
	if l := j.lease; l != nil {
		q.lose(j, Released)
	}
	j.lease, j.deliveries = nil, change.Deliveries
	j.marks |= delivered
	if c.Counted {
		q.retry(&q.cfg, j, c.At.Mono, 0)
		return
	}
	q.settle(j, c.At.Mono)
}
