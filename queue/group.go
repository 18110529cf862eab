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
	if g.open < q.cfg.GroupConcurrency {
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
	q.regroup(g, at)
}

// regroup moves the edge of a group to where the config has it.
func (q *Queue) regroup(g *group, at int64) {
	for g.open < q.cfg.GroupConcurrency {
		next := g.first
		if g.edge != nil {
			next = g.edge.extra.next
		}
		if next == nil {
			break
		}
		g.edge, g.open = next, g.open+1
		next.extra.opened = at
		q.resettle(next)
	}
	for g.open > q.cfg.GroupConcurrency {
		j := g.edge
		g.edge, g.open = j.extra.prev, g.open-1
		j.extra.opened = closed
		q.resettle(j)
	}
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
