package topics

import (
	"math"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// appendOp publishes records.
type appendOp struct{ *entry.Append }

func (op appendOp) topic() uint64          { return op.ID }
func (op appendOp) before() (uint64, bool) { return op.First - 1, true }
func (op appendOp) follows(t *topic) bool {
	return t.takes(op.First, op.Count) && op.TS >= t.assignedTS
}

func (op appendOp) fit(t *topic) bool {
	op.TS = max(op.TS, t.assignedTS)
	if t.visible {
		op.Creation = entry.Creation{} // it is there already
	}
	return t.takes(op.First, op.Count)
}

func (op appendOp) apply(t *topic, f frameParts) error {
	at, fits := t.came.Next(op.TS, f.came)
	if !fits {
		t.came.Begin(op.First, op.TS, f.came)
	}
	size := record.Size{Records: int64(op.Count), Bytes: f.bytes}
	t.index.Add(f.span.Start, op.First, op.TS, f.sizes, f.body)
	t.tags.Add(op.First, f.tags)
	t.head = op.First + uint64(op.Count) - 1
	t.lastWrite = op.TS
	t.grow(size)
	if t.jobs != nil {
		t.jobs.queue.Write(atBoth(f.came), op.First, op.Count, f.jobs)
	}
	t.trim(f.came.Steady)
	if op.Key != nil {
		u := index.KeyUse{Hash: t.shared.keyHash(op.Key), At: at, First: op.First, Count: uint32(op.Count), Ephemeral: f.body != nil}
		t.changeKeysLocked(func(w *index.Keys) {
			w.Expire(f.came.Steady, t.cfg.IdempotencyWindowMS)
			w.Add(u, t.cfg.IdempotencyWindowMS)
		})
	}
	if op.Key != nil || t.cfg.TTLMS > 0 || t.cfg.Durability != record.Fsync {
		t.visit()
	}
	t.shared.totals.appended.add(size)
	return nil
}

// takes reports whether count seqs from first on are above t's head.
func (t *topic) takes(first uint64, count int) bool {
	return first > t.head && first <= math.MaxUint64-uint64(count)
}

// createOp makes a topic. Registry.applyLocked does all of it.
type createOp struct{ *entry.Create }

func (op createOp) topic() uint64                  { return op.ID }
func (op createOp) before() (uint64, bool)         { return 0, false }
func (op createOp) follows(*topic) bool            { return true }
func (op createOp) fit(t *topic) bool              { return !t.visible }
func (op createOp) apply(*topic, frameParts) error { return nil }

// configOp gives a topic another config.
type configOp struct{ *entry.Config }

func (op configOp) topic() uint64          { return op.ID }
func (op configOp) before() (uint64, bool) { return op.Head, true }

func (op configOp) follows(t *topic) bool {
	return op.Head >= t.head && op.Head < math.MaxUint64 && op.TS >= t.assignedTS
}

func (op configOp) fit(t *topic) bool {
	if op.Head == math.MaxUint64 {
		return false
	}
	op.TS = max(op.TS, t.assignedTS)
	op.Head = max(op.Head, t.head)
	return true
}

func (op configOp) apply(t *topic, f frameParts) error {
	t.applyConfig(op.Config.Config)
	if t.jobs != nil {
		t.jobs.queue.Configure(atBoth(f.came), queueConfig(t.cfg))
	}
	t.trim(f.came.Steady)
	return nil
}

// lostOp makes a range of seqs lost.
type lostOp struct{ *entry.Lost }

func (op lostOp) topic() uint64          { return op.ID }
func (op lostOp) before() (uint64, bool) { return op.From - 1, true }

// follows lets seqs be lost that a checkpoint knows to be ephemeral and the one
// that is replayed from does not.
func (op lostOp) follows(t *topic) bool { return op.From > t.head && op.To < math.MaxUint64 }

func (op lostOp) fit(t *topic) bool {
	if op.To <= t.head || op.To == math.MaxUint64 {
		return false
	}
	op.From = max(op.From, t.head+1)
	return true
}

func (op lostOp) apply(t *topic, _ frameParts) error {
	t.applyLost(t.crashed(op.From, op.To, op.Reason))
	return nil
}
