package topics

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// The state of all topics, as a checkpoint keeps it: the seed of the keys'
// hashes (8 bytes), the next topic's id, then the topics, by id, each with
// snapshotTopic in front, then snapshotRouters and the routers, then snapshotGiven and
// what is known of lost ranges, then snapshotJobs and the jobs of queues, all of
// which older states do not have, then snapshotEnd. Numbers are varints. A topic:
//
//	id | name | config | applied | head | last write | last read | low watermark |
//	evicted through by a cap | by the ttl | ceiling | live records, bytes |
//	[first live seq, ts] | lost ranges | deleted seqs | keys
//
// A config is a number: that of an earlier one in the file, or the next, whose
// JSON then follows.
const (
	snapshotEnd     byte = 0
	snapshotTopic   byte = 1
	snapshotRouters byte = 2
	snapshotGiven   byte = 3
	snapshotJobs    byte = 4
)

type snapshotEncoder struct {
	buf     []byte
	configs map[*record.Config]uint64
	given   []byte // of the topics so far
	givens  uint64 // how many those are
	jobs    []byte // of the queues so far
	queues  uint64 // how many those are
}

// topicLocked appends t, whose lock is held, as it would be after a restart: without
// the ephemeral records after through. Its keys must follow.
func (e *snapshotEncoder) topicLocked(t *topic, through uint64) error {
	live, lost := t.live, t.lost.ranges
	seq, ts, any := t.first()
	if t.head > through {
		live, lost = t.withoutEphemeral(through)
		any = any && seq <= through
	}
	b := binary.AppendUvarint(append(e.buf, snapshotTopic), t.id)
	b, err := e.config(record.AppendBytes(b, []byte(t.name)), t.cfg)
	if err != nil {
		return err
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(t.applied)), t.head)
	b = binary.AppendVarint(binary.AppendVarint(b, t.lastWrite), t.lastRead.Load())
	for _, v := range []uint64{
		t.marks.low, t.marks.capped, t.marks.ttl, t.reserve.ceiling, uint64(live.Records), uint64(live.Bytes),
	} {
		b = binary.AppendUvarint(b, v)
	}
	if any {
		b = binary.AppendVarint(binary.AppendUvarint(b, seq), ts)
	}
	b = binary.AppendUvarint(b, uint64(len(lost)))
	for _, l := range lost {
		b = binary.AppendUvarint(binary.AppendUvarint(b, l.from), l.to)
		if b = record.AppendBytes(b, []byte(l.reason)); l.reason == ReasonTrim {
			b = record.AppendBytes(b, []byte(l.path))
		}
	}
	deleted := t.deleted
	if t.head > through && deleted.Any(through, t.head) {
		deleted = deleted.Clone()
		deleted.RemoveRange(through+1, t.head)
	}
	if b, err = deleted.Append(b); err != nil {
		return err
	}
	e.buf = b
	e.recordGiven(t, lost)
	return nil
}

// keys appends a topic's keys. There may be millions, so it calls flush after
// each piece of work.
func (e *snapshotEncoder) keys(v *index.KeysView, through uint64, flush func() error) error {
	n := uint64(0)
	_ = v.Each(through, func(*index.KeyUse) error { n++; return nil })
	e.buf = binary.AppendUvarint(e.buf, n)
	piece := 0
	return v.Each(through, func(u *index.KeyUse) error {
		before := len(e.buf)
		e.buf = u.Append(e.buf, v.Wall(u))
		if piece += len(e.buf) - before; piece < paceBytes {
			return nil
		}
		piece = 0
		return flush()
	})
}

// recordGiven records which seqs of lost ranges, and of ranges that were lost
// before the low watermark passed them, are known to have been given out: of each
// topic that has such
//
//	id | doubt | number of lost ranges | how many of each are known
//
// Of a topic that is not there nothing is known below its low watermark.
func (e *snapshotEncoder) recordGiven(t *topic, lost []lostRange) {
	known := func(l lostRange) bool { return l.given > 0 }
	if t.marks.low == 0 && !slices.ContainsFunc(lost, known) {
		return
	}
	e.givens++
	b := binary.AppendUvarint(binary.AppendUvarint(e.given, t.id), t.lost.doubt)
	b = binary.AppendUvarint(b, uint64(len(lost)))
	for _, l := range lost {
		b = binary.AppendUvarint(b, l.given)
	}
	e.given = b
}

// recordJobs records the jobs of a queue that have more than their records: of
// each queue
//
//	id | length of the snapshot | snapshot
//
// A queue that is not there has none.
func (e *snapshotEncoder) recordJobs(t *topic, at queue.Time, through uint64) {
	if t.jobs == nil {
		return
	}
	e.queues++
	e.jobs = binary.AppendUvarint(e.jobs, t.id)
	e.jobs = record.AppendBytes(e.jobs, t.jobs.queue.Snapshot(nil, at, through))
}

// restoreJobs is recordJobs' inverse.
func (r *Registry) restoreJobs(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := r.byID[d.Uvarint()]
		snapshot := d.Bytes()
		if d.Failed() || t == nil || t.jobs == nil {
			d.Fail()
			return
		}
		err := t.restoreQueue(snapshot, r.shared.steady())
		if err != nil {
			d.Fail()
		}
	}
}

// restoreQueue gives t the jobs of a snapshot, which may be empty.
func (t *topic) restoreQueue(snapshot []byte, now int64) error {
	q, err := queue.Restore(t.queueOptions(t.cfg), snapshot, t.head, queue.Time{Mono: now, Wall: now})
	if err != nil {
		return err
	}
	t.jobs = &jobs{queue: q}
	return nil
}

// end appends what recordGiven and recordJobs kept, and the end.
func (e *snapshotEncoder) end() []byte {
	if e.givens > 0 {
		e.buf = append(binary.AppendUvarint(append(e.buf, snapshotGiven), e.givens), e.given...)
	}
	if e.queues > 0 {
		e.buf = append(binary.AppendUvarint(append(e.buf, snapshotJobs), e.queues), e.jobs...)
	}
	return append(e.buf, snapshotEnd)
}

// restoreGiven is recordGiven's inverse.
func (r *Registry) restoreGiven(d *record.Decoder) {
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		t := r.byID[d.Uvarint()]
		doubt, ranges := d.Uvarint(), d.Uvarint()
		if d.Failed() || t == nil || doubt >= max(t.marks.low, 1) || ranges != uint64(len(t.lost.ranges)) {
			d.Fail()
			return
		}
		t.lost.doubt = doubt
		for i := range t.lost.ranges {
			l := &t.lost.ranges[i]
			if l.given = d.Uvarint(); l.given > l.size() {
				d.Fail()
			}
		}
	}
}

func (e *snapshotEncoder) config(b []byte, c *record.Config) ([]byte, error) {
	n, known := e.configs[c]
	if !known {
		n = uint64(len(e.configs))
		e.configs[c] = n
	}
	b = binary.AppendUvarint(b, n)
	if known {
		return b, nil
	}
	j, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding a config: %w", err)
	}
	return record.AppendBytes(b, j), nil
}

// withoutEphemeral returns the size of the live records and the lost ranges once the
// records after through, which are all ephemeral, are gone.
func (t *topic) withoutEphemeral(through uint64) (live record.Size, lost []lostRange) {
	live = t.live
	t.index.Each(func(_ *index.Frame, _ int, seq uint64, size uint32) bool {
		if seq > through && !t.deleted.Has(seq) {
			live.Add(record.Size{Records: -1, Bytes: -int64(size)})
		}
		return true
	})
	// Everything after through that is not gone already.
	from := max(through+1, t.marks.low)
	lost = t.lost.below(from)
	if from <= t.head {
		lost = append(lost, lostRange{from: from, to: t.head, reason: ReasonCrash, given: t.lost.given(from, t.head)})
	}
	return live, lost
}

// Restore fills an empty registry with the state of a checkpoint, whose
// records are in segs, in order. It returns what was live.
func (r *Registry) Restore(state []byte, segs []*segment.Segment) (index.Liveness, error) {
	if err := r.restoreSnapshot(state); err != nil {
		return nil, err
	}
	extents, err := index.ReadTables(segs)
	if err != nil {
		return nil, err
	}
	live := index.Liveness{}
	for id, t := range r.byID {
		seq, _, ok := t.history.Front()
		if !ok {
			continue
		}
		if !t.history.Attach(extents[id]) {
			return nil, fmt.Errorf("topics: no segment has the records of topic %q from seq %d on", t.name, seq)
		}
		live.Add(id, t.earliest(), t.deleted)
	}
	return live, nil
}

// restoreSnapshot is Restore without the records.
func (r *Registry) restoreSnapshot(state []byte) error {
	if len(state) < 8 {
		return fmt.Errorf("%w: a state of %d bytes", record.ErrMalformed, len(state))
	}
	r.shared.keySeed = binary.LittleEndian.Uint64(state)
	d := record.NewDecoder(state[8:])
	r.nextID = d.Uvarint()
	var configs []*record.Config
	mark := d.Byte()
	for ; mark == snapshotTopic && !d.Failed(); mark = d.Byte() {
		t := r.restoreTopic(&d, &configs)
		if d.Failed() {
			break
		}
		r.byID[t.id] = t
		r.byName.Set(t.name, t)
	}
	if mark == snapshotRouters && !d.Failed() {
		r.restoreRouting(&d)
		mark = d.Byte()
	}
	if mark == snapshotGiven && !d.Failed() {
		r.restoreGiven(&d)
		mark = d.Byte()
	}
	if mark == snapshotJobs && !d.Failed() {
		r.restoreJobs(&d)
		mark = d.Byte()
	}
	if mark != snapshotEnd {
		d.Fail()
	}
	if d.Failed() || d.Left() > 0 || r.nextID == 0 {
		return fmt.Errorf("%w: the state of %d topics, then %d bytes", record.ErrMalformed, len(r.byID), d.Left())
	}
	return nil
}

// restoreTopic decodes one topic and counts it.
func (r *Registry) restoreTopic(d *record.Decoder, configs *[]*record.Config) *topic {
	t := newTopic(d.Uvarint(), string(d.Bytes()), r.shared)
	switch n := d.Uvarint(); {
	case n < uint64(len(*configs)):
		t.cfg = (*configs)[n]
	case n == uint64(len(*configs)):
		t.cfg = r.shared.configs.intern(d.Config())
		*configs = append(*configs, t.cfg)
	default:
		d.Fail()
	}
	t.applied, t.head = wal.LSN(d.Uvarint()), d.Uvarint()
	t.lastWrite = d.Varint()
	t.lastRead.Store(d.Varint())
	t.marks = watermarks{low: d.Uvarint(), capped: d.Uvarint(), ttl: d.Uvarint()}
	t.reserve.ceiling = d.Uvarint()
	t.live = record.Size{Records: int64(d.Uvarint()), Bytes: int64(d.Uvarint())}
	var front uint64
	var ts int64
	if t.live.Records > 0 {
		front, ts = d.Uvarint(), d.Varint()
		t.history = index.NewHistory(front, ts)
	}
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		l := lostRange{from: d.Uvarint(), to: d.Uvarint(), reason: string(d.Bytes())}
		if l.reason == ReasonTrim {
			l.path = string(d.Bytes())
		}
		if l.from > l.to || l.to > t.head {
			d.Fail()
		}
		t.lost.ranges = append(t.lost.ranges, l)
	}
	t.lost.doubt = t.marks.low - min(t.marks.low, 1) // unless restoreGiven knows better
	t.deleted = index.DecodeSeqSet(d)
	if t.cfg != nil {
		t.changeKeysLocked(func(w *index.Keys) { index.DecodeKeys(d, w, t.cfg.IdempotencyWindowMS, r.shared.steady()) })
	}
	_, taken := r.byName.Get(t.name)
	if d.Failed() || taken || record.CheckName(t.name) != nil || t.id >= r.nextID || r.byID[t.id] != nil ||
		t.head == math.MaxUint64 || t.live.Records < 0 || t.live.Bytes < 0 || front > t.head ||
		(t.live.Records > 0) != (front > 0) {
		d.Fail()
		return t
	}
	t.visible, t.next = true, t.cfg
	if t.cfg.Type == record.TypeQueue && t.restoreQueue(nil, r.shared.steady()) != nil {
		d.Fail()
	}
	t.shown.Store(t.cfg)
	t.assigned, t.assignedTS, t.marks.loggedTTL = t.head, t.lastWrite, t.marks.ttl
	t.arriveBy(r.shared.steady())
	r.shared.totals.topics.Add(1)
	r.shared.totals.count(t.cfg, +1)
	r.shared.totals.live.add(t.live)
	if t.cfg.TTLMS > 0 || !t.keys.Empty() || t.reservesLocked() {
		t.visit()
	}
	return t
}

// arriveBy makes the records so far count as arrived by now, which matters if t has
// a later timestamp: the clock of an earlier run was ahead, or this one is slow.
func (t *topic) arriveBy(now int64) {
	if t.assignedTS-now > clock.MaxStep {
		t.came.Begin(1, t.assignedTS, clock.Moment{Wall: now, Steady: now})
	}
}
