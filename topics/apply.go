package topics

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

// frameParts are a frame and what its records are to the index.
type frameParts struct {
	span  wal.Span // zero for ephemeral records
	came  clock.Moment
	sizes []uint32
	tags  []byte // packed
	bytes int64
	body  []byte // ephemeral records

	jobs     []queue.Written // of the records, at a queue: those that say something of their job
	replayed bool
}

// applyLocked publishes one operation on t. t.mu is held. It fails only in replay, and
// only where a live delete has read before what it needs from the disk.
func (t *topic) applyLocked(op topicOperation, f frameParts) error {
	t.expireLocked(f.came.Steady)
	t.applied = max(t.applied, f.span.End)
	created := creationOf(op)
	if created != nil {
		t.applyCreate(created.Config)
	}
	head, known := op.before()
	if known {
		t.jump(head, ReasonCrash)
	}
	err := op.apply(t, f)
	if err != nil {
		return err
	}
	t.recordDamage()
	t.notifyLocked()
	t.serve()
	return nil
}

func (t *topic) applyCreate(c *record.Config) {
	t.visible = true
	t.openJobs(c)
	t.shared.host.Born(t)
	t.shared.totals.topics.Add(1)
	t.applyConfig(c)
}

func (t *topic) applyConfig(c *record.Config) {
	t.changes++
	t.shared.totals.count(t.cfg, -1)
	t.cfg = t.shared.configs.intern(c)
	if t.next == c {
		t.next = t.cfg // many topics share it
	}
	t.shown.Store(t.cfg)
	t.shared.totals.count(t.cfg, +1)
	if t.cfg.TTLMS > 0 || !t.keys.Empty() || t.cfg.Durability != record.Fsync {
		t.visit()
	}
}

// jump moves the head over seqs that were given out and whose records are not
// in the log: ephemeral ones, or ones that a crash took.
func (t *topic) jump(head uint64, reason string) {
	if head > t.head {
		t.applyLost(lostRange{from: t.head + 1, to: head, reason: reason, given: head - t.head})
	}
}

// applyLost adds a lost range above the head and moves the head over it.
func (t *topic) applyLost(l lostRange) {
	t.lost.add(l)
	t.head = max(t.head, l.to)
	t.assigned = max(t.assigned, t.head)
}

func (t *topic) grow(d record.Size) {
	t.live.Records += d.Records
	t.live.Bytes += d.Bytes
	t.shared.totals.live.add(d)
}

// trim evicts the oldest records until the caps hold. at is the time on the steady
// clock.
func (t *topic) trim(at int64) {
	before, count := t.marks.capped, t.live.Records
	for {
		over := t.cfg.Over(t.live)
		if over.Records <= 0 && over.Bytes <= 0 {
			break
		}
		if t.index.EphemeralFrames() > 0 && (!t.history.Empty() || !t.index.FrontIsEphemeral()) {
			// Replay, which does not see the ephemeral ones, would keep it.
			t.marks.logCapped = true
			t.visit()
		}
		live := t.live.Records
		// A whole extent may go if one of the caps asks for all of it.
		most := record.Size{Records: over.Records, Bytes: math.MaxInt64}
		if over.Records <= 0 {
			most = record.Size{Records: math.MaxInt64, Bytes: over.Bytes}
		}
		if last := t.popExtent(math.MaxUint64, most, math.MaxInt64); last > 0 {
			t.marks.capped = last
		} else {
			t.marks.capped = t.pop()
		}
		t.shared.totals.evictedCap.Add(uint64(live - t.live.Records))
	}
	if t.marks.capped > before {
		t.raise(t.marks.capped + 1)
		t.goneThroughLocked(at, t.marks.capped, queue.Evicted, count-t.live.Records)
	}
}

// applyWatermark drops what the sweeper has recorded as gone. Seqs that are not
// here were ephemeral: they are lost, whatever else became of them.
func (t *topic) applyWatermark(w entry.Watermark) {
	through, count := max(w.ThroughCap, w.ThroughTTL), t.live.Records
	for {
		seq, _, ok := t.first()
		if !ok || seq > through {
			break
		}
		t.pop()
		t.marks.replay(seq, w)
		t.raise(seq + 1)
	}
	t.goneThroughLocked(t.shared.steady(), through, queue.Evicted, count-t.live.Records)
	// A delete that came after the eviction may have taken these before.
	last := min(through, t.head, t.earliest()-1)
	if l, ok := t.lost.from(t.marks.low); ok {
		last = min(last, l.from-1)
	}
	if last >= t.marks.low {
		t.marks.replayThrough(last, w)
		t.raise(last + 1)
	}
}

// expireLocked drops the records whose time is over at now. t.mu is held for
// writing.
func (t *topic) expireLocked(now int64) {
	if t.cfg == nil || t.cfg.TTLMS == 0 {
		return
	}
	before, count := t.marks.ttl, t.live.Records
	for t.due(now) {
		live := t.live.Records
		if last := t.popExtent(math.MaxUint64, record.Size{Records: math.MaxInt64, Bytes: math.MaxInt64}, now-t.cfg.TTLMS); last > 0 {
			t.marks.ttl = last
		} else {
			t.marks.ttl = t.pop()
		}
		t.shared.totals.evictedTTL.Add(uint64(live - t.live.Records))
	}
	if t.marks.ttl > before {
		// The next sweep logs it, even if the clock is set back before that.
		t.visit()
		t.raise(t.marks.ttl + 1)
		t.goneThroughLocked(now, t.marks.ttl, queue.Evicted, count-t.live.Records)
	}
}

// due reports whether the first live record has expired at now.
func (t *topic) due(now int64) bool {
	seq, ts, ok := t.first()
	return ok && t.cfg != nil && t.cfg.TTLMS > 0 && now-t.came.Of(seq, ts) > t.cfg.TTLMS
}

// raise moves the low watermark.
func (t *topic) raise(low uint64) {
	t.marks.raise(low)
	t.lost.dropBelow(t.marks.low)
}
