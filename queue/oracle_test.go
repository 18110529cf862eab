package queue

import (
	"cmp"
	"slices"
)

// oracle is a queue as one would write it down: every job has a row, every
// question looks at all rows. Time comes by at once.
type oracle struct {
	cfg  Config
	rows []*row // live, by seq
	dead int64
	lost int64
}

type row struct {
	seq                uint64
	group, key         string
	priority           int8
	deliveries         uint32
	delivered, isStuck bool

	leased, dying bool
	due           int64 // not leased, not dying: ready from then on
	wall          bool  // due is a time of the wall clock
	written       bool  // due came with the write
	vague         bool  // since when it is ready depends on the last call
	opened        int64 // since when its group lets it be claimed
	open          bool
	lease         LeaseID
	node          string
	deadline      int64
	has           bool // a lease, of now or before
	pending       Kind
	orphan        bool // the stream that holds it is closed
}

func (o *oracle) find(seq uint64) *row {
	i, ok := slices.BinarySearchFunc(o.rows, seq, func(r *row, seq uint64) int { return cmp.Compare(r.seq, seq) })
	if !ok {
		return nil
	}
	return o.rows[i]
}

// regroup opens and closes what the config says, at a time.
func (o *oracle) regroup(at int64) {
	open := map[string]int{}
	for _, r := range o.rows {
		if r.group == "" {
			continue
		}
		was := r.open
		open[r.group]++
		r.open = open[r.group] <= o.cfg.GroupConcurrency
		if r.open && !was {
			r.opened = at
		}
		r.vague = r.vague || was && !r.open
	}
}

func (o *oracle) state(r *row, now Time) State {
	switch {
	case r.pending == Promote:
		return Delayed
	case r.pending != 0 || r.leased || r.dying:
		return InFlight
	case r.wall && r.due > now.Wall || !r.wall && r.due > now.Mono:
		return Delayed
	case r.group != "" && !r.open:
		return Blocked
	}
	return Ready
}

func (r *row) since() int64 {
	if r.group != "" {
		return max(r.due, r.opened)
	}
	return r.due
}

// pass lets time come by.
func (o *oracle) pass(now Time) {
	for _, r := range o.rows {
		if r.pending != 0 {
			continue
		}
		if r.leased && now.Mono > r.deadline {
			r.leased = false
			o.retry(r, r.deadline+1, o.wait(r))
		}
		if r.wall && r.due <= now.Wall {
			r.wall, r.written, r.vague, r.due = false, false, true, now.Mono
		}
		if !r.leased && !r.dying && !r.wall && r.due <= now.Mono {
			r.written = false
		}
	}
}

func (o *oracle) wait(r *row) int64 {
	wait := o.cfg.backoff(r.deliveries)
	if wait == 0 {
		return 0
	}
	return wait + int64(mix(7, r.seq, uint64(r.deliveries))%uint64(wait/10+1))
}

func (o *oracle) limited(r *row) bool {
	return o.cfg.DeadLetter && o.cfg.MaxDeliveries > 0 && int64(r.deliveries) >= o.cfg.MaxDeliveries
}

// retry is the end of a delivery that counts.
func (o *oracle) retry(r *row, at, delay int64) {
	r.due, r.wall, r.written, r.vague = at+delay, false, false, false
	r.dying = o.cfg.DeadLetter && r.isStuck || o.limited(r)
	if r.dying {
		r.due = at
	}
}

// best is the row that a claim takes, if there is one. Those over their limit
// are dying by that.
func (o *oracle) best(now Time) *row {
	for {
		var best *row
		for _, r := range o.rows {
			if o.state(r, now) == Ready && (best == nil || r.before(best)) {
				best = r
			}
		}
		if best == nil || best.isStuck || !o.limited(best) {
			return best
		}
		best.dying = true
	}
}

func (r *row) before(o *row) bool {
	switch {
	case r.priority != o.priority:
		return r.priority > o.priority
	case r.delivered != o.delivered:
		return r.delivered
	}
	return r.seq < o.seq
}

// end removes rows.
func (o *oracle) end(at int64, ends func(*row) bool) {
	o.rows = slices.DeleteFunc(o.rows, ends)
	o.regroup(at)
}

// holds reports whether a call may touch a row: the lease must be the one that
// is given, or any of the node.
func (r *row) holds(node string, id *LeaseID, now Time) bool {
	return r.pending == 0 && r.has && r.node == node && (id == nil || *id == r.lease) && now.Mono <= r.deadline
}

// taken reports whether a live job, which is not being acked, has a key.
func (o *oracle) taken(key string) bool {
	return slices.ContainsFunc(o.rows, func(r *row) bool { return r.key == key && r.pending != Ack })
}

func (o *oracle) counts(now Time) (c Counts, vague bool) {
	for _, r := range o.rows {
		switch o.state(r, now) {
		case Ready:
			c.Ready++
			c.OldestReadyMS = max(c.OldestReadyMS, now.Mono-r.since())
			vague = vague || r.vague
		case Blocked:
			c.Blocked++
		case Delayed:
			c.Delayed++
		case InFlight:
			c.InFlight++
		}
		if r.isStuck {
			c.DeadLetterBlocked++
		}
	}
	c.DeadLettered, c.Lost = o.dead, o.lost
	return c, vague
}

// apply does what a change says.
func (o *oracle) apply(c *Change) {
	for i := range c.Jobs {
		r := o.find(c.Jobs[i].Seq)
		if r == nil {
			continue
		}
		r.pending = 0
		d := &c.Jobs[i]
		switch c.Kind {
		case Claim, Extend:
			if c.Kind == Claim {
				r.lease, r.node, r.has = c.Lease(i), c.Node, true
				r.deliveries++
			}
			r.delivered, r.leased, r.dying, r.wall, r.written, r.vague = true, true, false, false, false, false
			r.deadline, r.orphan = c.At.Mono+c.LeaseMS, r.orphan && c.Kind == Claim
		case Nack:
			r.leased, r.dying, r.has, r.wall, r.written = false, false, false, false, false
			if d.Unstarted {
				r.deliveries--
			}
			switch {
			case d.Rejected && o.cfg.DeadLetter:
				r.dying, r.due = true, c.At.Mono
			case d.Unstarted:
				r.due, r.vague = c.At.Mono+d.DelayMS, false
			default:
				o.retry(r, c.At.Mono, d.DelayMS)
			}
		case Release:
			r.leased, r.has = false, false
			if c.Counted {
				o.retry(r, c.At.Mono, 0)
				continue
			}
			r.deliveries--
			r.due, r.vague = c.At.Mono, false
		case Promote:
			r.due, r.wall, r.written, r.vague = c.At.Mono, false, false, false
		}
	}
	if c.Kind == Bury {
		o.dead += int64(len(c.Jobs))
	}
	if c.Kind == Ack || c.Kind == Bury {
		o.end(c.At.Mono, func(r *row) bool {
			return slices.ContainsFunc(c.Jobs, func(d Changed) bool { return d.Seq == r.seq })
		})
	}
}

// abort undoes its judgement.
func (o *oracle) abort(c *Change) {
	for i := range c.Jobs {
		r := o.find(c.Jobs[i].Seq)
		if r == nil {
			continue
		}
		r.pending = 0
		if c.Kind == Claim {
			r.has = false
		}
		if c.Kind == Bury {
			r.dying, r.isStuck = false, true
		}
		r.dying = r.dying && o.cfg.DeadLetter
		if r.orphan && r.leased {
			r.leased, r.has = false, false
			o.retry(r, c.At.Mono, 0)
		}
	}
}

// restart is a crash and what follows.
func (o *oracle) restart() {
	for _, r := range o.rows {
		r.pending, r.orphan = 0, false
		if !r.leased {
			r.has = false
		}
		if o.cfg.LeasesDurable {
			r.dying = r.dying && o.cfg.DeadLetter
			continue
		}
		r.deliveries, r.delivered, r.isStuck, r.has, r.vague = 0, false, false, false, true
		if !r.written {
			r.due = 0
		}
		r.leased, r.dying = false, false
	}
}
