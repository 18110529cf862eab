package queue

import "math"

// Info describes a job. Times are of the wall clock; 0 is none.
type Info struct {
	Seq        uint64
	State      State
	Deliveries uint32
	Priority   int8
	Group, Key string
	Node       string  // InFlight: the holder
	Lease      LeaseID // InFlight
	Deadline   int64   // InFlight: the last ms of the lease
	Due        int64   // Delayed
	Since      int64   // Ready, Blocked: since when
}

// Page is some jobs of a state, by seq. Next is the cursor to go on with, or 0: there
// are no more. A page may have fewer jobs than its limit, and even none, and yet
// be followed by another: it looks at a bounded number of jobs.
type Page struct {
	Jobs []Info
	Next uint64
}

// pageLooks is how many jobs with a state of their own one page looks at.
const pageLooks = 10_000

// List returns up to limit jobs of a state that are after a cursor.
func (q *Queue) List(now Time, state State, after uint64, limit int) Page {
	q.Advance(now)
	var p Page
	plain, more := uint64(0), false
	if state == Ready {
		plain, more = q.nextPlain(after)
	}
	addPlain := func(below uint64) {
		for more && plain < below && p.hasRoom(limit) {
			p.Jobs = append(p.Jobs, q.plainInfo(now, plain))
			plain, more = q.nextPlain(plain)
		}
	}
	looks, cut := 0, false
	q.jobs.Ascend(max(after, q.ended())+1, func(seq uint64, j *job) bool {
		addPlain(seq)
		cut = !p.hasRoom(limit) || looks == pageLooks
		if cut {
			return false
		}
		looks++
		after = seq
		if j.shown() == state {
			p.Jobs = append(p.Jobs, j.info(now))
		}
		return true
	})
	if !cut {
		addPlain(math.MaxUint64)
	}
	switch {
	case !p.hasRoom(limit) && (cut || more):
		p.Next = p.Jobs[len(p.Jobs)-1].Seq
	case cut:
		p.Next = after
	}
	return p
}

// Job describes one job, and returns false if it does not exist.
func (q *Queue) Job(now Time, seq uint64) (Info, bool) {
	q.Advance(now)
	q.advanceJob(now, seq)
	if j := q.known(seq); j != nil {
		return j.info(now), true
	}
	if seq == 0 || !q.records.Live(seq) {
		return Info{}, false
	}
	return q.plainInfo(now, seq), true
}

// hasRoom reports whether p may have another job.
func (p *Page) hasRoom(limit int) bool { return len(p.Jobs) < max(limit, 1) }

func (q *Queue) plainInfo(now Time, seq uint64) Info {
	return Info{Seq: seq, State: Ready, Since: now.wall(q.records.Came(seq))}
}

func (j *job) info(now Time) Info {
	i := Info{Seq: j.seq, State: j.shown(), Deliveries: j.deliveries, Priority: j.priority}
	if x := j.extra; x != nil {
		i.Key = x.key
		if x.group != nil {
			i.Group = x.group.name
		}
	}
	switch {
	case j.state == InFlight || j.pending == Claim:
		i.Node, i.Lease, i.Deadline = j.lease.node, j.lease.id, now.wall(j.lease.deadline)
	case i.State == Delayed && j.is(byWall):
		i.Due = j.at
	case i.State == Delayed:
		i.Due = now.wall(j.at)
	case i.State != InFlight:
		i.Since = now.wall(j.at)
	}
	return i
}
