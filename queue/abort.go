package queue

// Abort undoes the judgement of a change that failed to commit: its jobs are as
// they were, and what time has brought since comes by with the next Advance. A
// burial is aborted, too, if the dead-letter topic cannot take the jobs.
func (q *Queue) Abort(c *Change) {
	for i := range c.Jobs {
		j := q.known(c.Jobs[i].Seq)
		if j == nil || j.pending != c.Kind {
			continue
		}
		if c.Kind == Claim {
			q.unlease(j)
			j.lease = nil
		}
		q.lift(j)
		q.restore(j, c)
		j.pending = 0
		q.place(j)
	}
}

// restore puts a lifted job back to where it was before c. Its group may have
// moved since, and the stream that held it may be closed.
func (q *Queue) restore(j *job, c *Change) {
	switch j.state {
	case Ready, Blocked:
		q.settle(j, j.at)
	case InFlight:
		if w := j.lease.stream; w != nil && w.closed {
			j.lease = nil
			q.retry(&q.cfg, j, c.At.Mono, 0)
		}
	case dying:
		if c.Kind == Bury {
			j.marks |= stuck
		}
		if c.Kind == Bury || !q.cfg.DeadLetter {
			q.settle(j, j.at)
		}
	}
}
