package queue

// group is the unfinished jobs of one group, linked by seq. The oldest of them
// are open: as many as the config lets run side by side.
type group struct {
	name        string
	first, last *job
	edge        *job // the youngest open one
	open        int
}

// join puts a job, the youngest, into its group. It is not placed yet.
func (q *Queue) join(j *job, name string, at int64) {
	g := q.groups[name]
	if g == nil {
		g = &group{name: name}
		if q.groups == nil {
			q.groups = make(map[string]*group)
		}
		q.groups[name] = g
	}
	x := j.more()
	x.group, x.prev, x.opened = g, g.last, closed
	if g.last != nil {
		g.last.extra.next = j
	} else {
		g.first = j
	}
	g.last = j
	if g.open < q.cfg.GroupConcurrency && (x.prev == nil || x.prev.extra.open()) {
		g.edge, g.open, x.opened = j, g.open+1, at
	}
}

// leave takes a job that ended out of its group, which goes on at once.
func (q *Queue) leave(j *job, at int64) {
	x, g := j.extra, j.extra.group
	if x.prev != nil {
		x.prev.extra.next = x.next
	} else {
		g.first = x.next
	}
	if x.next != nil {
		x.next.extra.prev = x.prev
	} else {
		g.last = x.prev
	}
	if x.open() {
		g.open--
		if g.edge == j {
			g.edge = x.prev
		}
	}
	x.prev, x.next = nil, nil
	if g.first == nil {
		delete(q.groups, g.name)
		if len(q.groups) == 0 {
			q.groups = nil
		}
		return
	}
	q.regroup(g, at, 2) // one in its place, and one more while a change of the config is to be caught up with
}

// regroup moves the edge of a group towards where the config has it, by up to n
// jobs. It returns how many it were: fewer than n if the edge is there.
func (q *Queue) regroup(g *group, at int64, n int) (done int) {
	for ; done < n && g.open < q.cfg.GroupConcurrency; done++ {
		next := g.first
		if g.edge != nil {
			next = g.edge.extra.next
		}
		if next == nil {
			return done
		}
		g.edge, g.open = next, g.open+1
		next.extra.opened = at
		q.resettle(next)
	}
	for ; done < n && g.open > q.cfg.GroupConcurrency; done++ {
		j := g.edge
		g.edge, g.open = j.extra.prev, g.open-1
		j.extra.opened = closed
		q.resettle(j)
	}
	return done
}

// regrouping is a change of how many jobs of a group may run side by side, which is
// made group by group, in the order of their first jobs.
type regrouping struct {
	from uint64 // the groups whose first job is at it, or after it, are still to be regrouped; 0: none
	at   int64  // when the config changed
}

// regroupLooks is how many jobs are looked at for their groups in the time that one is
// moved in.
const regroupLooks = 10

// regroupSome goes on with a change of how many jobs of a group may run side by side, as
// long as moving n jobs takes. It returns how long it took. Jobs that have ended are
// taken out before: they must not have the places of those that may run.
func (q *Queue) regroupSome(n int) (done int) {
	for q.regroups.from != 0 && len(q.sweeps) == 0 && done < n {
		var first *job
		looks, last := 0, uint64(0)
		q.jobs.Ascend(q.regroups.from, func(seq uint64, j *job) bool {
			last = seq
			looks++
			if g := j.group(); g != nil && g.first == j {
				first = j
			}
			return first == nil && looks < regroupLooks
		})
		moved := 0
		if first != nil {
			moved = q.regroup(first.extra.group, q.regroups.at, n-done)
		}
		switch {
		case first != nil && moved == n-done:
			q.regroups.from = last // its group may have more to move
		case first == nil && looks < regroupLooks:
			q.regroups.from = 0
		default:
			q.regroups.from = last + 1
		}
		done += max(moved, 1)
	}
	return done
}

// resettle makes a waiting job ready or blocked, whichever its group says by
// now. One that is pending is settled when its call is.
func (q *Queue) resettle(j *job) {
	if j.pending != 0 || j.state != Ready && j.state != Blocked {
		return
	}
	q.lift(j)
	q.settle(j, j.at)
	q.place(j)
}
