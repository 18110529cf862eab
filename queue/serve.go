package queue

import (
	"cmp"
	"container/list"
	"slices"
)

// Grant answers a waiter. Claimed is nil for a claim whose time is over; else it
// is pending, and Apply or Abort follows.
type Grant struct {
	Waiter  *Waiter
	Claimed *Change
}

// Serve lets time pass and gives the jobs that are ready to the waiters, in
// order of arrival. Claims that it answers are out of the line. It is to be
// called after each Wait, Stream, Write, Apply, Abort and Configure, and at the
// time that Next returns.
func (q *Queue) Serve(now Time) (grants []Grant) {
	q.Advance(now)
	q.spare = q.limit
	if q.window != 0 && q.window <= now.Mono {
		q.window = 0
	}
	if !q.cfg.Paused && (q.late == 0 || q.late >= orderLimit) {
		grants = q.serveLine(now, grants)
	}
	for q.late == 0 { // else there may be jobs for those whose time is over
		w, ok := q.waits.min()
		if !ok || w.until > now.Mono {
			break
		}
		q.dismiss(w.waiter)
		grants = append(grants, Grant{Waiter: w.waiter})
	}
	return grants
}

func (q *Queue) serveLine(now Time, grants []Grant) []Grant {
	shared := false
	var next *list.Element
	for e := q.line.Front(); e != nil && q.available() > 0; e = next {
		next = e.Next()
		p := e.Value.(*place)
		w := p.waiter
		switch {
		case !w.stream && w.window == 0:
			grants = q.give(now, w, w.Max, grants)
		case !w.stream && w.window <= now.Mono && !shared:
			shared = true
			grants = q.share(now, grants)
			next = q.line.Front() // the next one may have been served
		case w.stream:
			before := len(w.held)
			grants = q.give(now, w, p.slots, grants)
			p.slots -= len(w.held) - before
			if p.slots == 0 {
				q.line.Remove(e)
				w.places = slices.DeleteFunc(w.places, func(at *list.Element) bool { return at == e })
			}
		}
	}
	return grants
}

// give grants a waiter up to n jobs. A claim that gets some is out of the line.
func (q *Queue) give(now Time, w *Waiter, n int, grants []Grant) []Grant {
	c := q.claim(now, w, n)
	if c == nil {
		return grants
	}
	if !w.stream {
		q.dismiss(w)
	}
	return append(grants, Grant{w, c})
}

// share divides what is ready among all claims whose window is over, in
// proportion to what each may take.
func (q *Queue) share(now Time, grants []Grant) []Grant {
	var cohort []*Waiter
	asked := int64(0)
	for e := q.line.Front(); e != nil; e = e.Next() {
		w := e.Value.(*place).waiter
		if !w.stream && w.window != 0 && w.window <= now.Mono {
			cohort = append(cohort, w)
			asked += int64(w.Max)
		}
	}
	for i, n := range shares(cohort, asked, min(q.available(), asked)) {
		if n > 0 {
			grants = q.give(now, cohort[i], n, grants)
		}
	}
	return grants
}

// shares divides n jobs by the largest remainders; among equal ones the one that came
// first has more.
func shares(cohort []*Waiter, asked, n int64) []int {
	out := make([]int, len(cohort))
	order := make([]int, len(cohort))
	left := n
	for i, w := range cohort {
		out[i], order[i] = int(n*int64(w.Max)/asked), i
		left -= int64(out[i])
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(n*int64(cohort[b].Max)%asked, n*int64(cohort[a].Max)%asked)
	})
	for _, i := range order[:left] {
		out[i]++
	}
	return out
}

// claim grants up to n jobs, in order, or nil if there is none. Jobs that have had
// their last delivery are to be moved instead.
func (q *Queue) claim(now Time, w *Waiter, n int) *Change {
	c := &Change{
		Kind: Claim, At: now, Node: w.Node, First: q.nextID, LeaseMS: q.cfg.ClampLease(w.LeaseMS),
	}
	if w.stream {
		c.stream = w
	}
	for len(c.Jobs) < n {
		j := q.pick()
		if j == nil {
			break
		}
		j.lease = c.lease(len(c.Jobs))
		if w.stream {
			w.held[j.seq] = struct{}{}
		}
		c.Jobs = append(c.Jobs, Changed{Seq: j.seq, Deliveries: j.deliveries + 1})
	}
	q.nextID.N += uint64(len(c.Jobs))
	return c.orNil()
}

// pick takes the first of the jobs that are ready, and holds it for a claim. It takes out
// those before it that have ended, as many as Serve may.
func (q *Queue) pick() *job {
	for !q.crowded() {
		first, ok := q.ready.min()
		seq, any := q.plainFront()
		if any && (!ok || rank{order: orderOf(0, false), seq: seq}.before(first)) {
			j := &job{seq: seq, state: Ready, at: q.records.Came(seq), pending: Claim}
			q.jobs.Set(seq, j)
			q.place(j)
			return j
		}
		if !ok {
			return nil
		}
		if first.seq <= q.ended() {
			if q.spare == 0 {
				return nil
			}
			q.spare--
			q.sweepOut(first.seq)
			continue
		}
		j := q.known(first.seq)
		if g := j.group(); g != nil && g.open > q.cfg.GroupConcurrency { // its turn may be over
			q.spare -= q.regroup(g, q.regroups.at, q.spare)
			if q.spare == 0 {
				return nil
			}
			continue
		}
		if !q.over(j) {
			q.hold(j, Claim)
			return j
		}
		q.lift(j)
		q.die(j, j.at)
		q.place(j)
	}
	return nil
}
