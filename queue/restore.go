package queue

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrSnapshot is returned for bytes that are no snapshot.
var ErrSnapshot = errors.New("queue: the snapshot is damaged")

// Restore returns the queue of a topic whose highest seq is head, from what
// Snapshot wrote; a snapshot of no bytes is that of a topic whose jobs have
// nothing but their records. The records are not asked for anything yet.
func Restore(o Options, snapshot []byte, head uint64, now Time) (*Queue, error) {
	q := Open(o)
	q.head = head
	if len(snapshot) > 0 {
		d := decoder{p: snapshot, now: now}
		d.queue(q)
		if d.bad || len(d.p) > 0 {
			return nil, ErrSnapshot
		}
	}
	q.replan()
	return q, nil
}

// decoder reads a snapshot. After bad is set, what it returns means nothing.
type decoder struct {
	p             []byte
	bad           bool
	now           Time
	groups, nodes []string
}

func (d *decoder) queue(q *Queue) {
	if d.byte() != snapshotVersion {
		d.bad = true
	}
	q.deadLettered, q.lost = d.count(), d.count()
	d.groups, d.nodes = d.names(), d.names()
	before := uint64(0)
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		step := d.uvarint()
		if step == 0 || step > q.head-before {
			d.bad = true
			return
		}
		before += step
		d.job(q, before)
	}
}

// job reads a job and puts it into the queue.
func (d *decoder) job(q *Queue, seq uint64) {
	b, fields := d.byte(), d.byte()
	j := &job{seq: seq, state: State(b & 15), marks: mark(b >> 4)}
	deliveries := d.uvarint()
	j.deliveries, j.at = uint32(deliveries), d.varint()
	if !j.is(byWall) {
		j.at = d.now.mono(j.at)
	}
	if fields&hasPriority != 0 {
		j.priority = int8(d.byte())
	}
	group := ""
	if fields&hasGroup != 0 {
		group = d.name(d.groups)
	}
	if fields&hasKey != 0 {
		j.more().key = d.string()
	}
	if fields&hasReason != 0 {
		j.more().reason = d.string()
	}
	if fields&hasLease != 0 {
		id := LeaseID{d.uint64(), d.uvarint()}
		j.lease = &lease{id: id, deadline: j.at - 1, node: d.name(d.nodes)}
	}
	if fields > allFields || deliveries > math.MaxUint32 || !j.state.valid(j.marks) ||
		(j.state == InFlight) != (j.lease != nil) || j.priority < MinPriority || j.priority > MaxPriority {
		d.bad = true
	}
	if d.bad {
		return
	}
	if group != "" {
		q.join(j, group, math.MinInt64)
	}
	if key := j.extra; key != nil && key.key != "" {
		q.fulfil(&Written{Seq: seq, Key: key.key})
	}
	if j.state == Ready || j.state == Blocked || j.state == dying && !q.cfg.DeadLetter {
		q.settle(j, j.at)
	}
	q.jobs.Set(seq, j)
	q.place(j)
}

func (d *decoder) names() (list []string) {
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		list = append(list, d.string())
	}
	return list
}

func (d *decoder) name(list []string) string {
	i := d.uvarint()
	if d.bad || i >= uint64(len(list)) {
		d.bad = true
		return ""
	}
	return list[i]
}

// take returns the next n bytes.
func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.p)) {
		d.bad = true
		return nil
	}
	b := d.p[:n]
	d.p = d.p[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) string() string { return string(d.take(d.uvarint())) }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.p)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.p = d.p[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.p)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.p = d.p[n:]
	return v
}

// count reads a number that is never negative.
func (d *decoder) count() int64 {
	v := d.uvarint()
	if v > math.MaxInt64 {
		d.bad = true
	}
	return int64(v)
}
