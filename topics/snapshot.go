package topics

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
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

// paceBytes is how many bytes of records are encoded or moved between two calls of Pace.
const paceBytes = 32 << 10

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

// arriveBy makes the records so far count as arrived by now, which matters if t has
// a later timestamp: the clock of an earlier run was ahead, or this one is slow.
func (t *topic) arriveBy(now int64) {
	if t.assignedTS-now > clock.MaxStep {
		t.came.Begin(1, t.assignedTS, clock.Moment{Wall: now, Steady: now})
	}
}

// restoreGiven is recordGiven's inverse, after the id.
func (t *topic) restoreGiven(d *record.Decoder) {
	doubt, ranges := d.Uvarint(), d.Uvarint()
	if d.Failed() || doubt >= max(t.marks.low, 1) || ranges != uint64(len(t.lost.ranges)) {
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

// restoreJobs is recordJobs' inverse, after the id.
func (t *topic) restoreJobs(d *record.Decoder) {
	snapshot := d.Bytes()
	if d.Failed() || t.jobs == nil || t.restoreQueue(snapshot, t.shared.steady()) != nil {
		d.Fail()
	}
}
