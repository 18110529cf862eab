package topics

import (
	"math"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// restoreTopic decodes a topic and counts it. configs has those of the topics before
// it.
func restoreTopic(d *record.Decoder, configs *[]*record.Config, s *shared) *topic {
	t := newTopic(d.Uvarint(), string(d.Bytes()), s)
	switch n := d.Uvarint(); {
	case n < uint64(len(*configs)):
		t.cfg = (*configs)[n]
	case n == uint64(len(*configs)):
		t.cfg = s.configs.intern(d.Config())
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
		t.changeKeysLocked(func(w *index.Keys) { index.DecodeKeys(d, w, t.cfg.IdempotencyWindowMS, s.steady()) })
	}
	if d.Failed() || record.CheckName(t.name) != nil || t.head == math.MaxUint64 || t.live.Records < 0 || t.live.Bytes < 0 || front > t.head ||
		(t.live.Records > 0) != (front > 0) {
		d.Fail()
		return t
	}
	t.visible, t.next = true, t.cfg
	if t.cfg.Type == record.TypeQueue && t.restoreQueue(nil, s.steady()) != nil {
		d.Fail()
	}
	t.shown.Store(t.cfg)
	t.assigned, t.assignedTS, t.marks.loggedTTL = t.head, t.lastWrite, t.marks.ttl
	t.arriveBy(s.steady())
	s.totals.topics.Add(1)
	s.totals.count(t.cfg, +1)
	s.totals.live.add(t.live)
	if t.cfg.TTLMS > 0 || !t.keys.Empty() || t.reservesLocked() {
		t.visit()
	}
	return t
}
