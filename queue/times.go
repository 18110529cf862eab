package queue

// wallStep is how long at most the queue waits for a time of the wall clock,
// which may jump, before it looks at that again.
const wallStep = 1000

// advanceLimit is how many jobs one Advance looks at. The owner's lock is held
// meanwhile: so many take about a fifth of a millisecond.
const advanceLimit = 100

// orderLimit is how many jobs that are due together are looked at before the first
// of them is given out, so that the most urgent one is.
const orderLimit = 10_000

// Advance takes out jobs that have ended, applies what time has brought by now, leases
// that expired and jobs that are due, and then what a changed config means for jobs that
// wait. It may be called at any time, and calls that depend on it do so. Of
// more than q.limit jobs it applies the first, and Next returns now: the queue is behind
// until Advance was called often enough.
func (q *Queue) Advance(now Time) {
	done := q.sweep(q.limit)
	done += q.elapse(now.Mono, q.limit-done)
	for ; done < q.limit; done++ {
		m, ok := q.walls.min()
		if !ok || m.at > now.Wall {
			break
		}
		q.pass(m.seq, min(now.mono(m.at), now.Mono))
	}
	q.forgetPast()
	done += q.revive(q.limit - done)
	done += q.regroupSome(q.limit - done)
	if q.behind(now) {
		q.late += done
	} else {
		q.late = 0
	}
}

// elapse applies the first n of what happened by a time on the monotonic clock, and
// returns how many it were.
func (q *Queue) elapse(now int64, n int) (done int) {
	for ; done < n; done++ {
		m, ok := q.times.min()
		if !ok || m.at > now {
			break
		}
		q.pass(m.seq, m.at)
	}
	return done
}

// behind reports whether Advance has more to apply.
func (q *Queue) behind(now Time) bool {
	m, any := q.times.min()
	w, also := q.walls.min()
	return q.changing() || any && m.at <= now.Mono || also && w.at <= now.Wall
}

// changing reports whether Advance has more to do whatever the time.
func (q *Queue) changing() bool { return len(q.sweeps) > 0 || q.regroups.from != 0 || q.reviving() }

// advanceJob applies what time has brought to one job, ahead of those before it in
// the line.
func (q *Queue) advanceJob(now Time, seq uint64) {
	j := q.known(seq)
	for j != nil && j.pending == 0 && (j.state == Delayed || j.state == InFlight) {
		switch {
		case j.is(byWall) && j.at <= now.Wall:
			q.pass(seq, min(now.mono(j.at), now.Mono))
		case !j.is(byWall) && j.at <= now.Mono:
			q.pass(seq, j.at)
		default:
			return
		}
	}
}

// pass is the moment for which a job was in the line of times.
func (q *Queue) pass(seq uint64, at int64) {
	if q.sweepOut(seq) {
		return
	}
	j := q.known(seq)
	if j.state == Delayed {
		q.lift(j)
		q.settle(j, at)
		q.place(j)
		return
	}
	stream := j.lease.stream
	q.expired++
	q.unlease(j)
	if stream != nil {
		q.lose(j, Expired)
		q.stall(stream)
	}
	q.lift(j)
	c := q.configAt(at)
	q.retry(c, j, at, q.withJitter(c, j))
	q.place(j)
}

// retry returns what happens after a failed delivery that counts, by a config: the job
// comes back after delay ms, unless it was the last one. j is lifted.
func (q *Queue) retry(c *Config, j *job, at, delay int64) {
	switch {
	case c.DeadLetter && j.is(stuck) || c.limited(j.deliveries):
		q.die(j, at)
	case delay > 0:
		j.state, j.at = Delayed, at+delay
	default:
		q.settle(j, at)
	}
}

// withJitter returns how long j is to wait, by a config, after its present delivery failed.
// What is random in it depends on the job and the delivery alone.
func (q *Queue) withJitter(c *Config, j *job) int64 {
	wait := c.backoff(j.deliveries)
	if wait == 0 {
		return 0
	}
	return wait + int64(mix(q.seed, j.seq, uint64(j.deliveries))%uint64(wait/10+1))
}

// mix hashes numbers as splitmix64 does.
func mix(numbers ...uint64) uint64 {
	h := uint64(0)
	for _, n := range numbers {
		h += n + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// Next returns the time on the monotonic clock at which Serve is to be called
// again if nothing else happens before; false if time changes nothing.
func (q *Queue) Next(now Time) (at int64, ok bool) {
	sooner := func(t int64) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	if q.changing() {
		sooner(now.Mono)
	}
	if m, any := q.times.min(); any {
		sooner(max(m.at, now.Mono))
	}
	if m, any := q.walls.min(); any {
		sooner(max(min(now.mono(m.at), now.Mono+wallStep), now.Mono))
	}
	if w, any := q.waits.min(); any {
		sooner(w.until)
	}
	if q.window != 0 {
		sooner(q.window)
	}
	return at, ok
}
