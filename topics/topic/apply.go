package topic

import (
	"math"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// What is in this file and in the apply methods of topicOperation runs the same
// for a live write and for its replay: no other code changes what
// readers see. It depends on nothing but the entry and the time at which it came,
// so that a replayed topic equals the topic that was. A replayed entry came at its
// timestamp, or now if that is in the future.

// Parts are a frame and what its records are to the index.
type Parts struct {
	Span  wal.Span // zero for ephemeral records
	Came  clock.Moment
	Sizes []uint32
	Tags  []byte // packed
	Bytes int64
	body  []byte // ephemeral records

	Jobs     []queue.Written // of the records, at a queue: those that say something of their job
	Replayed bool
}

// ApplyLocked publishes one operation on t. t.Mu is held. It fails only in replay, and
// only where a live delete has read before what it needs from the disk.
func (t *Topic) ApplyLocked(op Operation, f Parts) error {
	t.ExpireLocked(f.Came.Steady)
	t.Applied = max(t.Applied, f.Span.End)
	created := CreationOf(op)
	if created != nil {
		t.ApplyCreate(created.Config)
	}
	head, known := op.Before()
	if known {
		t.Jump(head, ReasonCrash)
	}
	err := op.Apply(t, f)
	if err != nil {
		return err
	}
	t.recordDamage()
	t.notifyLocked()
	t.serve()
	return nil
}

func (t *Topic) ApplyCreate(c *record.Config) {
	t.Visible = true
	t.OpenJobs(c)
	t.Shared.Host.Born(t)
	t.Shared.Counters.Topics.Add(1)
	t.applyConfig(c)
}

func (t *Topic) applyConfig(c *record.Config) {
	t.changes++
	t.Shared.Counters.Count(t.Config, -1)
	t.Config = t.Shared.configs.intern(c)
	if t.Next == c {
		t.Next = t.Config // many topics share it
	}
	t.shown.Store(t.Config)
	t.Shared.Counters.Count(t.Config, +1)
	if t.Config.TTLMS > 0 || !t.Keys.Empty() || t.Config.Durability != record.Fsync {
		t.Visit()
	}
}

// Jump moves the head over seqs that were given out and whose records are not
// in the log: ephemeral ones, or ones that a crash took.
func (t *Topic) Jump(head uint64, reason string) {
	if head > t.Head {
		t.ApplyLost(LostRange{From: t.Head + 1, To: head, Reason: reason, Given: head - t.Head})
	}
}

// ApplyLost adds a lost range above the head and moves the head over it.
func (t *Topic) ApplyLost(l LostRange) {
	t.Lost.add(l)
	t.Head = max(t.Head, l.To)
	t.Assigned = max(t.Assigned, t.Head)
}

func (t *Topic) Grow(d record.Size) {
	t.Live.Records += d.Records
	t.Live.Bytes += d.Bytes
	t.Shared.Counters.live.Add(d)
}

// trim evicts the oldest records until the caps hold. at is the time on the steady
// clock.
func (t *Topic) trim(at int64) {
	before, count := t.Marks.Capped, t.Live.Records
	for {
		over := t.Config.Over(t.Live)
		if over.Records <= 0 && over.Bytes <= 0 {
			break
		}
		if t.Index.EphemeralFrames() > 0 && (!t.History.Empty() || !t.Index.FrontIsEphemeral()) {
			// Replay, which does not see the ephemeral ones, would keep it.
			t.Marks.logCapped = true
			t.Visit()
		}
		live := t.Live.Records
		// A whole extent may go if one of the caps asks for all of it.
		most := record.Size{Records: over.Records, Bytes: math.MaxInt64}
		if over.Records <= 0 {
			most = record.Size{Records: math.MaxInt64, Bytes: over.Bytes}
		}
		if last := t.popExtent(math.MaxUint64, most, math.MaxInt64); last > 0 {
			t.Marks.Capped = last
		} else {
			t.Marks.Capped = t.pop()
		}
		t.Shared.Counters.evictedCap.Add(uint64(live - t.Live.Records))
	}
	if t.Marks.Capped > before {
		t.raise(t.Marks.Capped + 1)
		t.goneThroughLocked(at, t.Marks.Capped, queue.Evicted, count-t.Live.Records)
	}
}

// ApplyWatermark drops what the sweeper has recorded as gone. Seqs that are not
// here were ephemeral: they are lost, whatever else became of them.
func (t *Topic) ApplyWatermark(w entry.Watermark) {
	through, count := max(w.ThroughCap, w.ThroughTTL), t.Live.Records
	for {
		seq, _, ok := t.First()
		if !ok || seq > through {
			break
		}
		t.pop()
		t.Marks.replay(seq, w)
		t.raise(seq + 1)
	}
	t.goneThroughLocked(t.Shared.Steady(), through, queue.Evicted, count-t.Live.Records)
	// A delete that came after the eviction may have taken these before.
	last := min(through, t.Head, t.Earliest()-1)
	if l, ok := t.Lost.From(t.Marks.Low); ok {
		last = min(last, l.From-1)
	}
	if last >= t.Marks.Low {
		t.Marks.replayThrough(last, w)
		t.raise(last + 1)
	}
}

// ExpireLocked drops the records whose time is over at now. t.Mu is held for
// writing.
func (t *Topic) ExpireLocked(now int64) {
	if t.Config == nil || t.Config.TTLMS == 0 {
		return
	}
	before, count := t.Marks.TTL, t.Live.Records
	for t.Due(now) {
		live := t.Live.Records
		if last := t.popExtent(math.MaxUint64, record.Size{Records: math.MaxInt64, Bytes: math.MaxInt64}, now-t.Config.TTLMS); last > 0 {
			t.Marks.TTL = last
		} else {
			t.Marks.TTL = t.pop()
		}
		t.Shared.Counters.evictedTTL.Add(uint64(live - t.Live.Records))
	}
	if t.Marks.TTL > before {
		// The next sweep logs it, even if the clock is set back before that.
		t.Visit()
		t.raise(t.Marks.TTL + 1)
		t.goneThroughLocked(now, t.Marks.TTL, queue.Evicted, count-t.Live.Records)
	}
}

// Due reports whether the first live record has expired at now.
func (t *Topic) Due(now int64) bool {
	seq, ts, ok := t.First()
	return ok && t.Config != nil && t.Config.TTLMS > 0 && now-t.Arrivals.Of(seq, ts) > t.Config.TTLMS
}

// raise moves the low watermark.
func (t *Topic) raise(low uint64) {
	t.Marks.raise(low)
	t.Lost.dropBelow(t.Marks.Low)
}
