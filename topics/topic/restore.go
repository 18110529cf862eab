package topic

import (
	"math"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Restore decodes a topic and counts it. configs has those of the topics before
// it.
func Restore(d *record.Decoder, configs *[]*record.Config, s *Shared) *Topic {
	t := New(d.Uvarint(), string(d.Bytes()), s)
	switch n := d.Uvarint(); {
	case n < uint64(len(*configs)):
		t.Config = (*configs)[n]
	case n == uint64(len(*configs)):
		t.Config = s.configs.intern(d.Config())
		*configs = append(*configs, t.Config)
	default:
		d.Fail()
	}
	t.Applied, t.Head = wal.LSN(d.Uvarint()), d.Uvarint()
	t.LastWrite = d.Varint()
	t.lastRead.Store(d.Varint())
	t.Marks = watermarks{Low: d.Uvarint(), Capped: d.Uvarint(), TTL: d.Uvarint()}
	t.Reserve.Ceiling = d.Uvarint()
	t.Live = record.Size{Records: int64(d.Uvarint()), Bytes: int64(d.Uvarint())}
	var front uint64
	var ts int64
	if t.Live.Records > 0 {
		front, ts = d.Uvarint(), d.Varint()
		t.History = index.NewHistory(front, ts)
	}
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		l := LostRange{From: d.Uvarint(), To: d.Uvarint(), Reason: string(d.Bytes())}
		if l.Reason == ReasonTrim {
			l.Path = string(d.Bytes())
		}
		if l.From > l.To || l.To > t.Head {
			d.Fail()
		}
		t.Lost.Ranges = append(t.Lost.Ranges, l)
	}
	t.Lost.doubt = t.Marks.Low - min(t.Marks.Low, 1) // unless restoreGiven knows better
	t.Deleted = index.DecodeSeqSet(d)
	if t.Config != nil {
		t.ChangeKeysLocked(func(w *index.Keys) { index.DecodeKeys(d, w, t.Config.IdempotencyWindowMS, s.Steady()) })
	}
	if d.Failed() || record.CheckName(t.Name) != nil || t.Head == math.MaxUint64 || t.Live.Records < 0 || t.Live.Bytes < 0 || front > t.Head ||
		(t.Live.Records > 0) != (front > 0) {
		d.Fail()
		return t
	}
	t.Visible, t.Next = true, t.Config
	if t.Config.Type == record.TypeQueue && t.restoreQueue(nil, s.Steady()) != nil {
		d.Fail()
	}
	t.shown.Store(t.Config)
	t.Assigned, t.AssignedTS, t.Marks.loggedTTL = t.Head, t.LastWrite, t.Marks.TTL
	t.ArriveBy(s.Steady())
	s.Counters.Topics.Add(1)
	s.Counters.Count(t.Config, +1)
	s.Counters.live.Add(t.Live)
	if t.Config.TTLMS > 0 || !t.Keys.Empty() || t.reservesLocked() {
		t.Visit()
	}
	return t
}
