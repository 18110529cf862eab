package topic

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/rate"
	"github.com/e6e95bb8/topics/topics/record"
)

// The state of all topics, as a checkpoint keeps it: the seed of the keys'
// hashes (8 bytes), the next topic's id, then the topics, by id, each with
// snapshotTopic in front, then snapshotRouters and the routers, then snapshotGiven and
// what is known of lost ranges, then snapshotJobs and the jobs of queues, then
// snapshotDeduped and what keyed writes did not append, all of which older states do
// not have, then snapshotEnd. Numbers are varints. A topic:
//
//	id | name | config | applied | head | last write | last read | low watermark |
//	evicted through by a cap | by the ttl | ceiling | live records, bytes |
//	[first live seq, ts] | lost ranges | deleted seqs | keys
//
// A config is a number: that of an earlier one in the file, or the next, whose
// JSON then follows.
const (
	SnapshotEnd     byte = 0
	SnapshotTopic   byte = 1
	SnapshotRouters byte = 2
	SnapshotGiven   byte = 3
	SnapshotJobs    byte = 4
	SnapshotDeduped byte = 5
)

// PaceBytes is how many bytes of records are encoded or moved between two calls of Pace.
const PaceBytes = 32 << 10

type Encoder struct {
	Buf     []byte
	Configs map[*record.Config]uint64
	given   []byte // of the topics so far
	givens  uint64 // how many those are
	jobs    []byte // of the queues so far
	queues  uint64 // how many those are
	deduped []dedupedKeys
}

// TopicLocked appends t, whose lock is held, as it would be after a restart: without
// the ephemeral records after through. Its keys must follow.
func (e *Encoder) TopicLocked(t *Topic, through uint64) error {
	live, lost := t.Live, t.Lost.Ranges
	seq, ts, any := t.First()
	if t.Head > through {
		live, lost = t.withoutEphemeral(through)
		any = any && seq <= through
	}
	b := binary.AppendUvarint(append(e.Buf, SnapshotTopic), t.ID)
	b, err := e.config(record.AppendBytes(b, []byte(t.Name)), t.Config)
	if err != nil {
		return err
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(t.Applied)), t.Head)
	b = binary.AppendVarint(binary.AppendVarint(b, t.LastWrite), t.lastRead.Load())
	for _, v := range []uint64{
		t.Marks.Low, t.Marks.Capped, t.Marks.TTL, t.Reserve.Ceiling, uint64(live.Records), uint64(live.Bytes),
	} {
		b = binary.AppendUvarint(b, v)
	}
	if any {
		b = binary.AppendVarint(binary.AppendUvarint(b, seq), ts)
	}
	b = binary.AppendUvarint(b, uint64(len(lost)))
	for _, l := range lost {
		b = binary.AppendUvarint(binary.AppendUvarint(b, l.From), l.To)
		if b = record.AppendBytes(b, []byte(l.Reason)); l.Reason == ReasonTrim {
			b = record.AppendBytes(b, []byte(l.Path))
		}
	}
	deleted := t.Deleted
	if t.Head > through && deleted.Any(through, t.Head) {
		deleted = deleted.Clone()
		deleted.RemoveRange(through+1, t.Head)
	}
	if b, err = deleted.Append(b); err != nil {
		return err
	}
	e.Buf = b
	e.recordGiven(t, lost)
	return nil
}

// Keys appends a topic's keys. There may be millions, so it calls flush after
// each piece of work.
func (e *Encoder) Keys(v *index.KeysView, through uint64, flush func() error) error {
	n := uint64(0)
	_ = v.Each(through, func(*index.KeyUse) error { n++; return nil })
	e.Buf = binary.AppendUvarint(e.Buf, n)
	p := pieces{e: e, flush: flush}
	return v.Each(through, func(u *index.KeyUse) error {
		return p.add(u.Append(e.Buf, v.Wall(u)))
	})
}

// pieces calls flush after each piece of work.
type pieces struct {
	e     *Encoder
	flush func() error
	size  int // of the present one
}

// add takes the buffer to which something was appended.
func (p *pieces) add(buf []byte) error {
	p.size += len(buf) - len(p.e.Buf)
	p.e.Buf = buf
	if p.size < PaceBytes {
		return nil
	}
	p.size = 0
	return p.flush()
}

// recordGiven records which seqs of lost ranges, and of ranges that were lost
// before the low watermark passed them, are known to have been given out: of each
// topic that has such
//
//	id | doubt | number of lost ranges | how many of each are known
//
// Of a topic that is not there nothing is known below its low watermark.
func (e *Encoder) recordGiven(t *Topic, lost []LostRange) {
	known := func(l LostRange) bool { return l.Given > 0 }
	if t.Marks.Low == 0 && !slices.ContainsFunc(lost, known) {
		return
	}
	e.givens++
	b := binary.AppendUvarint(binary.AppendUvarint(e.given, t.ID), t.Lost.doubt)
	b = binary.AppendUvarint(b, uint64(len(lost)))
	for _, l := range lost {
		b = binary.AppendUvarint(b, l.Given)
	}
	e.given = b
}

// RecordJobs records the jobs of a queue that have more than their records: of
// each queue
//
//	id | length of the snapshot | snapshot
//
// A queue that is not there has none.
func (e *Encoder) RecordJobs(t *Topic, at queue.Time, through uint64) {
	if t.Jobs == nil {
		return
	}
	e.queues++
	e.jobs = binary.AppendUvarint(e.jobs, t.ID)
	e.jobs = record.AppendBytes(e.jobs, t.Jobs.Queue.Snapshot(nil, at, through))
}

// restoreQueue gives t the jobs of a snapshot, which may be empty.
func (t *Topic) restoreQueue(snapshot []byte, now int64) error {
	q, err := queue.Restore(t.queueOptions(t.Config), snapshot, t.Head, queue.Time{Mono: now, Wall: now})
	if err != nil {
		return err
	}
	t.Jobs = &Jobs{rates: new(rate.Place), Queue: q}
	return nil
}

// End appends what recordGiven, recordJobs and RecordDeduped kept, and the end. It
// calls flush after each piece of work.
func (e *Encoder) End(flush func() error) ([]byte, error) {
	if e.givens > 0 {
		e.Buf = append(binary.AppendUvarint(append(e.Buf, SnapshotGiven), e.givens), e.given...)
	}
	if e.queues > 0 {
		e.Buf = append(binary.AppendUvarint(append(e.Buf, SnapshotJobs), e.queues), e.jobs...)
	}
	if len(e.deduped) > 0 {
		e.Buf = binary.AppendUvarint(append(e.Buf, SnapshotDeduped), uint64(len(e.deduped)))
	}
	for i := range e.deduped {
		err := e.appendDeduped(&e.deduped[i], flush)
		if err != nil {
			return nil, err
		}
	}
	return append(e.Buf, SnapshotEnd), nil
}

func (e *Encoder) config(b []byte, c *record.Config) ([]byte, error) {
	n, known := e.Configs[c]
	if !known {
		n = uint64(len(e.Configs))
		e.Configs[c] = n
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
func (t *Topic) withoutEphemeral(through uint64) (live record.Size, lost []LostRange) {
	live = t.Live
	t.Index.Each(func(_ *index.Frame, _ int, seq uint64, size uint32) bool {
		if seq > through && !t.Deleted.Has(seq) {
			live.Add(record.Size{Records: -1, Bytes: -int64(size)})
		}
		return true
	})
	// Everything after through that is not gone already.
	from := max(through+1, t.Marks.Low)
	lost = t.Lost.below(from)
	if from <= t.Head {
		lost = append(lost, LostRange{From: from, To: t.Head, Reason: ReasonCrash, Given: t.Lost.given(from, t.Head)})
	}
	return live, lost
}

// ArriveBy makes the records so far count as arrived by now, which matters if t has
// a later timestamp: the clock of an earlier run was ahead, or this one is slow.
func (t *Topic) ArriveBy(now int64) {
	if t.AssignedTS-now > clock.MaxStep {
		t.Arrivals.Begin(1, t.AssignedTS, clock.Moment{Wall: now, Steady: now})
	}
}

// RestoreGiven is recordGiven's inverse, after the id.
func (t *Topic) RestoreGiven(d *record.Decoder) {
	doubt, ranges := d.Uvarint(), d.Uvarint()
	if d.Failed() || doubt >= max(t.Marks.Low, 1) || ranges != uint64(len(t.Lost.Ranges)) {
		d.Fail()
		return
	}
	t.Lost.doubt = doubt
	for i := range t.Lost.Ranges {
		l := &t.Lost.Ranges[i]
		if l.Given = d.Uvarint(); l.Given > l.size() {
			d.Fail()
		}
	}
}

// RestoreJobs is recordJobs' inverse, after the id.
func (t *Topic) RestoreJobs(d *record.Decoder) {
	snapshot := d.Bytes()
	if d.Failed() || t.Jobs == nil || t.restoreQueue(snapshot, t.Shared.Steady()) != nil {
		d.Fail()
	}
}
