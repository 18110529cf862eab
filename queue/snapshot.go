package queue

import (
	"encoding/binary"
	"math"
)

// The snapshot of a queue, as a checkpoint keeps it. Numbers are varints, times
// are of the wall clock, strings have their length in front:
//
//	version (1 byte) | dead-lettered | lost | groups | nodes | number of jobs | jobs
//
// groups and nodes are each a number of strings, which jobs name by their place.
// Jobs are in order; only those are here that have more than their record:
//
//	seq, from the one before | state and fields (2 bytes) | deliveries | at |
//	[priority] | [group] | [key] | [reason] | [lease: epoch (8 bytes), n, node]
const snapshotVersion = 1

// fields has a bit for each optional field that follows, and for each mark of the job.
const (
	hasPriority = 1 << iota
	hasGroup
	hasKey
	hasReason
	hasLease
	allFields = 1<<iota - 1
)

// encoder collects what the jobs share, and the jobs.
type encoder struct {
	now           Time
	groups, nodes names
	jobs          []byte
	count, last   uint64
}

// names are strings by their place.
type names struct {
	list  []string
	index map[string]uint64
}

func (n *names) of(s string) uint64 {
	i, known := n.index[s]
	if !known {
		if n.index == nil {
			n.index = make(map[string]uint64)
		}
		i = uint64(len(n.list))
		n.index[s] = i
		n.list = append(n.list, s)
	}
	return i
}

func (n *names) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(n.list)))
	for _, s := range n.list {
		b = appendString(b, s)
	}
	return b
}

// Snapshot appends the state of the jobs up to a seq, those after which will
// not outlast a restart, as it is without the calls that are under way.
// Without durable leases it is the state after a restart: what was written.
func (q *Queue) Snapshot(b []byte, now Time, through uint64) []byte {
	q.elapsePast() // the snapshot knows the present config alone
	e := encoder{now: now}
	q.jobs.Ascend(q.ended()+1, func(seq uint64, j *job) bool {
		if seq <= through && (q.cfg.LeasesDurable || !j.bare()) {
			e.job(j, q.cfg.LeasesDurable)
		}
		return seq < through
	})
	b = append(b, snapshotVersion)
	b = binary.AppendUvarint(b, uint64(q.deadLettered))
	b = binary.AppendUvarint(b, uint64(q.lost))
	b = e.nodes.append(e.groups.append(b))
	b = binary.AppendUvarint(b, e.count)
	return append(b, e.jobs...)
}

func (e *encoder) job(j *job, durable bool) {
	v := *j
	if !durable {
		v.forget()
	}
	fields, g := byte(0), j.group()
	if v.priority != 0 {
		fields |= hasPriority
	}
	if g != nil {
		fields |= hasGroup
	}
	if v.extra != nil && v.extra.key != "" {
		fields |= hasKey
	}
	if v.extra != nil && v.extra.reason != "" && durable {
		fields |= hasReason
	}
	if v.state == InFlight {
		fields |= hasLease
	}
	at := v.at
	if !v.is(byWall) {
		at = e.now.wall(at)
	}
	b := binary.AppendUvarint(e.jobs, v.seq-e.last)
	b = append(b, byte(v.state)|byte(v.marks)<<4, fields)
	b = binary.AppendVarint(binary.AppendUvarint(b, uint64(v.deliveries)), at)
	if fields&hasPriority != 0 {
		b = append(b, byte(v.priority))
	}
	if fields&hasGroup != 0 {
		b = binary.AppendUvarint(b, e.groups.of(g.name))
	}
	if fields&hasKey != 0 {
		b = appendString(b, v.extra.key)
	}
	if fields&hasReason != 0 {
		b = appendString(b, v.extra.reason)
	}
	if fields&hasLease != 0 {
		b = binary.BigEndian.AppendUint64(b, v.lease.id.Epoch)
		b = binary.AppendUvarint(b, v.lease.id.N)
		b = binary.AppendUvarint(b, e.nodes.of(v.lease.node))
	}
	e.jobs, e.last = b, v.seq
	e.count++
}

// forget makes a job what its write made it. The caller settles it.
func (j *job) forget() {
	j.lease, j.deliveries = nil, 0
	j.marks &= byWall | byWrite
	if j.state != Delayed || !j.is(byWrite) {
		j.state, j.marks = Ready, 0
	}
}

// remembersNothing reports whether a restart leaves a job as it is: it was never
// delivered, and has more than its record.
func (j *job) remembersNothing() bool {
	return !j.is(delivered|stuck) && j.pending == 0 && j.lease == nil && j.state != dying &&
		(j.extra == nil || j.extra.reason == "") && !j.bare()
}

// Restart makes the queue what a restart makes of it, once the log is replayed
// on a snapshot: without durable leases, leases, deliveries, back-offs and the
// delays of nacks are forgotten.
func (q *Queue) Restart() {
	q.sweep(math.MaxInt)
	q.regroupSome(math.MaxInt)
	if q.cfg.LeasesDurable {
		return
	}
	var jobs []*job
	q.jobs.Scan(func(_ uint64, j *job) bool {
		if !j.remembersNothing() {
			jobs = append(jobs, j)
		}
		return true
	})
	for _, j := range jobs {
		q.lift(j)
		j.marks &^= stuck
		delayed := j.state == Delayed && j.is(byWrite)
		j.forget()
		j.pending = 0
		if !delayed {
			q.settle(j, q.records.Came(j.seq))
		}
		if j.extra != nil {
			j.extra.reason = ""
		}
		if j.bare() {
			q.jobs.Delete(j.seq)
			continue
		}
		q.place(j)
	}
	q.dying, q.past = nil, nil
	q.replan()
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// valid reports whether a state and marks go together in a snapshot.
func (s State) valid(m mark) bool {
	return s >= Ready && s <= dying && (s == Delayed || m&(byWall|byWrite) == 0) &&
		(m&byWall == 0 || m&byWrite != 0)
}
