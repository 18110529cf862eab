package topic

import (
	"math"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
)

// AppendOp publishes records.
type AppendOp struct{ *entry.Append }

func (op AppendOp) Topic() uint64          { return op.ID }
func (op AppendOp) Before() (uint64, bool) { return op.First - 1, true }
func (op AppendOp) Follows(t *Topic) bool {
	return t.takes(op.First, op.Count) && op.TS >= t.AssignedTS
}

func (op AppendOp) Fit(t *Topic) bool {
	op.TS = max(op.TS, t.AssignedTS)
	if t.Visible {
		op.Creation = entry.Creation{} // it is there already
	}
	return t.takes(op.First, op.Count)
}

func (op AppendOp) Apply(t *Topic, f Parts) error {
	at, fits := t.Arrivals.Next(op.TS, f.Came)
	if op.Count > 0 {
		if !fits {
			t.Arrivals.Begin(op.First, op.TS, f.Came)
		}
		op.publish(t, f)
	}
	if op.Key != nil {
		t.useKey(op.Append, at, f)
	}
	if op.Key != nil || t.Config.TTLMS > 0 || t.Config.Durability != record.Fsync {
		t.Visit()
	}
	return nil
}

// publish adds the records, of which there are some.
func (op AppendOp) publish(t *Topic, f Parts) {
	size := record.Size{Records: int64(op.Count), Bytes: f.Bytes}
	t.Index.Add(f.Span.Start, op.First, op.TS, f.Sizes, f.body)
	t.Tags.Add(op.First, f.Tags)
	t.Head = op.First + uint64(op.Count) - 1
	t.LastWrite = op.TS
	t.Grow(size)
	if t.Jobs != nil {
		t.Jobs.Queue.Write(AtBoth(f.Came), op.First, op.Count, f.Jobs)
	}
	t.trim(f.Came.Steady)
	t.Shared.Counters.Appended.Add(size)
}

// takes reports whether count seqs from first on are above t's head.
func (t *Topic) takes(first uint64, count int) bool {
	return first > t.Head && first <= math.MaxUint64-uint64(count)
}

// CreateOp makes a topic. Registry.applyLocked does all of it.
type CreateOp struct{ *entry.Create }

func (op CreateOp) Topic() uint64             { return op.ID }
func (op CreateOp) Before() (uint64, bool)    { return 0, false }
func (op CreateOp) Follows(*Topic) bool       { return true }
func (op CreateOp) Fit(t *Topic) bool         { return !t.Visible }
func (op CreateOp) Apply(*Topic, Parts) error { return nil }

// ConfigOp gives a topic another config.
type ConfigOp struct{ *entry.Config }

func (op ConfigOp) Topic() uint64          { return op.ID }
func (op ConfigOp) Before() (uint64, bool) { return op.Head, true }

func (op ConfigOp) Follows(t *Topic) bool {
	return op.Head >= t.Head && op.Head < math.MaxUint64 && op.TS >= t.AssignedTS
}

func (op ConfigOp) Fit(t *Topic) bool {
	if op.Head == math.MaxUint64 {
		return false
	}
	op.TS = max(op.TS, t.AssignedTS)
	op.Head = max(op.Head, t.Head)
	return true
}

func (op ConfigOp) Apply(t *Topic, f Parts) error {
	t.applyConfig(op.Config.Config)
	if t.Jobs != nil {
		t.Jobs.Queue.Configure(AtBoth(f.Came), queueConfig(t.Config))
	}
	t.trim(f.Came.Steady)
	return nil
}

// LostOp makes a range of seqs lost.
type LostOp struct{ *entry.Lost }

func (op LostOp) Topic() uint64          { return op.ID }
func (op LostOp) Before() (uint64, bool) { return op.From - 1, true }

// Follows lets seqs be lost that a checkpoint knows to be ephemeral and the one
// that is replayed from does not.
func (op LostOp) Follows(t *Topic) bool { return op.From > t.Head && op.To < math.MaxUint64 }

func (op LostOp) Fit(t *Topic) bool {
	if op.To <= t.Head || op.To == math.MaxUint64 {
		return false
	}
	op.From = max(op.From, t.Head+1)
	return true
}

func (op LostOp) Apply(t *Topic, _ Parts) error {
	t.ApplyLost(t.Crashed(op.From, op.To, op.Reason))
	return nil
}
