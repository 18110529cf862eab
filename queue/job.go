package queue

import "math"

// State is where a job is in its life.
type State uint8

// The states of a job. A job that has ended is in none.
const (
	Ready State = iota + 1
	Blocked
	Delayed
	InFlight
	dying // out of deliveries or rejected, waiting for its move; InFlight to others
)

// job is the state of a job that has more than its record: one that was
// delivered, is delayed, or was written with a group, a key or a priority.
type job struct {
	seq        uint64
	at         int64 // Ready, Blocked, dying: since; Delayed: due; InFlight: the first ms without the lease
	lease      *lease
	extra      *extra // nil for a job that has none of it
	deliveries uint32
	priority   int8
	state      State
	pending    Kind // of the call whose commit the job waits for, or 0
	marks      mark
}

type mark uint8

const (
	delivered mark = 1 << iota // claimed before, however that delivery ended
	stuck                      // the dead-letter topic could not take it
	byWall                     // at is a time of the wall clock
	byWrite                    // the delay came with the write
)

func (j *job) is(m mark) bool { return j.marks&m != 0 }

// extra has the fields that few jobs need.
type extra struct {
	group      *group
	prev, next *job  // in the group, by seq
	opened     int64 // since when among the oldest of its group, which are claimable; closed
	key        string
	reason     string // why it is to be dead-lettered
}

// closed is when a job opens that others of its group are in front of.
const closed = math.MaxInt64

func (x *extra) open() bool { return x.opened != closed }

// more returns j's extra to be written to.
func (j *job) more() *extra {
	if j.extra == nil {
		j.extra = &extra{}
	}
	return j.extra
}

func (j *job) group() *group {
	if j.extra == nil {
		return nil
	}
	return j.extra.group
}

// shown is the state that others see. A job is in flight while a call on it
// commits, but for one that is made due.
func (j *job) shown() State {
	switch {
	case j.pending == Promote:
		return Delayed
	case j.pending != 0 || j.state == dying:
		return InFlight
	}
	return j.state
}

func (j *job) rank() rank { return rank{orderOf(j.priority, j.is(delivered)), j.seq} }

// bare reports whether j has nothing that came with its write.
func (j *job) bare() bool {
	return j.priority == 0 && !j.is(byWrite) && (j.extra == nil || j.extra.group == nil && j.extra.key == "")
}

// place counts j and puts it where its state says. A pending job is nowhere: no
// clock and no claim comes by it.
func (q *Queue) place(j *job) {
	q.count(j, 1)
	if j.pending != 0 {
		return
	}
	switch j.state {
	case Ready:
		q.ready.add(j.rank())
		q.ages.add(moment{j.at, j.seq})
	case Delayed, InFlight:
		q.timesOf(j).add(moment{j.at, j.seq})
	case dying:
		q.dying = append(q.dying, j.seq)
	}
}

// lift is place's inverse. Whatever changes in a job changes between the two.
func (q *Queue) lift(j *job) {
	q.count(j, -1)
	if j.pending != 0 {
		return
	}
	switch j.state {
	case Ready:
		q.ready.remove(j.rank())
		q.ages.remove(moment{j.at, j.seq})
	case Delayed, InFlight:
		q.timesOf(j).remove(moment{j.at, j.seq})
	}
}

// count counts a job n times, unless it has ended: then it was taken out by that.
func (q *Queue) count(j *job, n int64) {
	if j.seq > q.ended() {
		q.census.add(j, n)
	}
}

func (q *Queue) timesOf(j *job) *sorted[moment] {
	if j.is(byWall) {
		return &q.walls
	}
	return &q.times
}

// settle makes a lifted job, which waits for nothing of its own since a time,
// ready, or blocked by its group.
func (q *Queue) settle(j *job, since int64) {
	j.state, j.at = Ready, since
	j.marks &^= byWall | byWrite
	switch {
	case j.group() == nil:
	case j.extra.open():
		j.at = max(since, j.extra.opened)
	default:
		j.state = Blocked
	}
}

// hold marks a job as waiting for the commit of a call.
func (q *Queue) hold(j *job, k Kind) {
	q.lift(j)
	j.pending = k
	q.place(j)
}

// found returns the state of a job, and makes it for one that has none but its
// record; nil if there is no such job.
func (q *Queue) found(seq uint64) *job {
	j := q.known(seq)
	if j != nil || !q.records.Live(seq) {
		return j
	}
	j = &job{seq: seq, state: Ready, at: q.records.Came(seq)}
	q.jobs.Set(seq, j)
	q.place(j)
	return j
}

// end takes a job out of the queue.
func (q *Queue) end(j *job, at int64) {
	q.unlease(j)
	q.lift(j)
	q.jobs.Delete(j.seq)
	if j.extra == nil {
		return
	}
	if j.extra.key != "" && q.keys[j.extra.key] == j.seq {
		delete(q.keys, j.extra.key)
	}
	if j.extra.group != nil {
		q.leave(j, at)
	}
}
