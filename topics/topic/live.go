package topic

import (
	"math"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// A topic's seqs up to its head are live, deleted, lost, or gone with the
// front: below the first live record nothing is live. What is live is in the
// history up to some seq, and in the index from there on. All functions here
// need t.Mu.

// First returns the first live record, or false if there is none.
func (t *Topic) First() (seq uint64, ts int64, ok bool) {
	if seq, ts, ok = t.History.Front(); ok {
		return seq, ts, true
	}
	return t.Index.Front()
}

// Earliest returns the first live seq, or head+1 if there is none.
func (t *Topic) Earliest() uint64 {
	if seq, _, ok := t.First(); ok {
		return seq
	}
	return t.Head + 1
}

// nextLive returns the first seq at or above seq that is neither deleted nor gone,
// lost ones included, or head+1 if there is none.
func (t *Topic) nextLive(seq uint64) uint64 {
	return min(t.Deleted.Absent(max(seq, t.Earliest())), t.Head+1)
}

// Durable is up to where a restart will find the topic. An ephemeral topic's
// records are not for the disk, unless others that are come after them: its
// class changed in between.
func (t *Topic) Durable() uint64 {
	if t.Config.Durability != record.Ephemeral || t.Index.EphemeralFrames() == 0 {
		return t.Head
	}
	return max(t.History.Last(), t.Index.Durable())
}

// pop drops t's first live record.
func (t *Topic) pop() (seq uint64) {
	seq, _, _ = t.First()
	if !t.History.Empty() {
		t.Grow(record.Size{Records: -1, Bytes: -t.History.Size()})
		t.History.Seek(seq+1, t.Deleted)
	} else {
		bytes, freed := t.Index.Pop()
		t.Grow(record.Size{Records: -1, Bytes: -bytes})
		t.Shared.Counters.Ephemeral.Add(-int64(freed))
	}
	t.settleFront()
	return seq
}

// popExtent drops the records of a whole extent at the front in one step, if
// its last record is below the seq, and it is no bigger and no younger than
// said. It returns the last seq it dropped, or 0 if it dropped none.
func (t *Topic) popExtent(below uint64, most record.Size, before int64) uint64 {
	if t.History.Empty() {
		return 0
	}
	e := t.History.Whole(below, t.Deleted)
	if e == nil || int64(e.Count) > most.Records || int64(e.Bytes) > most.Bytes || t.Arrivals.Of(e.Last, e.LastTS) >= before {
		return 0
	}
	last := e.Last
	t.Grow(record.Size{Records: -int64(e.Count), Bytes: -int64(e.Bytes)})
	t.History.Skip(e, t.Deleted)
	t.settleFront()
	return last
}

// settleFront ends every change of the front: it moves it over records that
// are deleted, and forgets what is below it.
func (t *Topic) settleFront() {
	if t.Deleted != nil {
		t.SkipDead()
	}
	t.Tags.Truncate(t.Earliest() - 1)
	if t.Arrivals != nil {
		_, _, any := t.First()
		t.Arrivals.Truncate(t.Earliest(), any)
	}
	t.correct()
	t.recordDamage()
}

// correct corrects counts that damage has made wrong: they must be zero if and only
// if nothing is live, because caps depend on them.
func (t *Topic) correct() {
	right := record.Size{}
	if _, _, ok := t.First(); ok {
		right = record.Size{Records: max(t.Live.Records, 1), Bytes: max(t.Live.Bytes, 0)}
	}
	if right != t.Live {
		t.Grow(record.Size{Records: right.Records - t.Live.Records, Bytes: right.Bytes - t.Live.Bytes})
	}
}

func (t *Topic) SkipDead() {
	if seq, _, ok := t.History.Front(); ok {
		t.History.Seek(seq, t.Deleted)
	}
	for t.History.Empty() {
		seq, _, ok := t.Index.Front()
		if !ok || !t.Deleted.Has(seq) {
			break
		}
		_, freed := t.Index.Pop()
		t.Shared.Counters.Ephemeral.Add(-int64(freed))
	}
	if t.Deleted.RemoveRange(0, t.Earliest()-1); t.Deleted.Empty() {
		t.Deleted = nil
	}
}

// Advance drops the records below the seq and returns what they were.
func (t *Topic) Advance(below uint64) (freed record.Size) {
	before := t.Live
	for {
		if t.popExtent(below, record.Size{Records: math.MaxInt64, Bytes: math.MaxInt64}, math.MaxInt64) > 0 {
			continue
		}
		if seq, _, ok := t.First(); !ok || seq >= below {
			return record.Size{Records: before.Records - t.Live.Records, Bytes: before.Bytes - t.Live.Bytes}
		}
		t.pop()
	}
}

// recordDamage counts the pages that the history could not read.
func (t *Topic) recordDamage() {
	if n := t.History.TakeDamaged(); n > 0 {
		t.Shared.Counters.damaged.Add(uint64(n))
	}
}

func (t *Topic) Install(extents []index.Extent, through uint64) {
	if seq, ts, ok := t.Index.Front(); ok && seq <= through {
		t.History.Begin(seq, ts)
	}
	t.History.Append(extents)
	t.Shared.Counters.Ephemeral.Add(-int64(t.Index.Truncate(through)))
	t.Tags.Truncate(through)
	t.settleFront()
}
