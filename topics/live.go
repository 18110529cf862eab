package topics

import (
	"math"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// A topic's seqs up to its head are live, deleted, lost, or gone with the
// front: below the first live record nothing is live. What is live is in the
// history up to some seq, and in the index from there on. All functions here
// need t.mu.

// first returns the first live record, or false if there is none.
func (t *topic) first() (seq uint64, ts int64, ok bool) {
	if seq, ts, ok = t.history.Front(); ok {
		return seq, ts, true
	}
	return t.index.Front()
}

// earliest returns the first live seq, or head+1 if there is none.
func (t *topic) earliest() uint64 {
	if seq, _, ok := t.first(); ok {
		return seq
	}
	return t.head + 1
}

// nextLive returns the first seq at or above seq that is neither deleted nor gone,
// lost ones included, or head+1 if there is none.
func (t *topic) nextLive(seq uint64) uint64 {
	return min(t.deleted.Absent(max(seq, t.earliest())), t.head+1)
}

// durable is up to where a restart will find the topic. An ephemeral topic's
// records are not for the disk, unless others that are come after them: its
// class changed in between.
func (t *topic) durable() uint64 {
	if t.cfg.Durability != record.Ephemeral || t.index.EphemeralFrames() == 0 {
		return t.head
	}
	return max(t.history.Last(), t.index.Durable())
}

// pop drops t's first live record.
func (t *topic) pop() (seq uint64) {
	seq, _, _ = t.first()
	if !t.history.Empty() {
		t.grow(record.Size{Records: -1, Bytes: -t.history.Size()})
		t.history.Seek(seq+1, t.deleted)
	} else {
		bytes, freed := t.index.Pop()
		t.grow(record.Size{Records: -1, Bytes: -bytes})
		t.shared.totals.ephemeral.Add(-int64(freed))
	}
	t.settleFront()
	return seq
}

// popExtent drops the records of a whole extent at the front in one step, if
// its last record is below the seq, and it is no bigger and no younger than
// said. It returns the last seq it dropped, or 0 if it dropped none.
func (t *topic) popExtent(below uint64, most record.Size, before int64) uint64 {
	if t.history.Empty() {
		return 0
	}
	e := t.history.Whole(below, t.deleted)
	if e == nil || int64(e.Count) > most.Records || int64(e.Bytes) > most.Bytes || t.came.Of(e.Last, e.LastTS) >= before {
		return 0
	}
	last := e.Last
	t.grow(record.Size{Records: -int64(e.Count), Bytes: -int64(e.Bytes)})
	t.history.Skip(e, t.deleted)
	t.settleFront()
	return last
}

// settleFront ends every change of the front: it moves it over records that
// are deleted, and forgets what is below it.
func (t *topic) settleFront() {
	if t.deleted != nil {
		t.skipDead()
	}
	t.tags.Truncate(t.earliest() - 1)
	if t.came != nil {
		_, _, any := t.first()
		t.came.Truncate(t.earliest(), any)
	}
	t.correct()
	t.recordDamage()
}

// correct corrects counts that damage has made wrong: they must be zero if and only
// if nothing is live, because caps depend on them.
func (t *topic) correct() {
	right := record.Size{}
	if _, _, ok := t.first(); ok {
		right = record.Size{Records: max(t.live.Records, 1), Bytes: max(t.live.Bytes, 0)}
	}
	if right != t.live {
		t.grow(record.Size{Records: right.Records - t.live.Records, Bytes: right.Bytes - t.live.Bytes})
	}
}

func (t *topic) skipDead() {
	if seq, _, ok := t.history.Front(); ok {
		t.history.Seek(seq, t.deleted)
	}
	for t.history.Empty() {
		seq, _, ok := t.index.Front()
		if !ok || !t.deleted.Has(seq) {
			break
		}
		_, freed := t.index.Pop()
		t.shared.totals.ephemeral.Add(-int64(freed))
	}
	if t.deleted.RemoveRange(0, t.earliest()-1); t.deleted.Empty() {
		t.deleted = nil
	}
}

// advance drops the records below the seq and returns what they were.
func (t *topic) advance(below uint64) (freed record.Size) {
	before := t.live
	for {
		if t.popExtent(below, record.Size{Records: math.MaxInt64, Bytes: math.MaxInt64}, math.MaxInt64) > 0 {
			continue
		}
		if seq, _, ok := t.first(); !ok || seq >= below {
			return record.Size{Records: before.Records - t.live.Records, Bytes: before.Bytes - t.live.Bytes}
		}
		t.pop()
	}
}

// recordDamage counts the pages that the history could not read.
func (t *topic) recordDamage() {
	if n := t.history.TakeDamaged(); n > 0 {
		t.shared.totals.damaged.Add(uint64(n))
	}
}

func (t *topic) install(extents []index.Extent, through uint64) {
	if seq, ts, ok := t.index.Front(); ok && seq <= through {
		t.history.Begin(seq, ts)
	}
	t.history.Append(extents)
	t.shared.totals.ephemeral.Add(-int64(t.index.Truncate(through)))
	t.tags.Truncate(through)
	t.settleFront()
}
