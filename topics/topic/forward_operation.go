package topic

import "github.com/e6e95bb8/topics/topics/entry"

// ForwardOp publishes what a router forwarded.
type ForwardOp struct{ *entry.Forward }

func (op ForwardOp) Topic() uint64 { return op.ID }

func (op ForwardOp) Before() (uint64, bool) { return op.First - 1, true }

func (op ForwardOp) Follows(t *Topic) bool {
	return t.takes(op.First, op.Count) && op.TS >= t.AssignedTS
}

func (op ForwardOp) Fit(t *Topic) bool {
	op.TS = max(op.TS, t.AssignedTS)
	return t.takes(op.First, op.Count)
}

// Apply publishes the records like any others.
func (op ForwardOp) Apply(t *Topic, f Parts) error {
	if op.Trim {
		t.ApplyLost(LostRange{From: op.First, To: op.First + uint64(op.Count) - 1, Reason: ReasonTrim, Path: string(op.Path)})
		return nil
	}
	e := entry.Append{ID: op.ID, First: op.First, TS: op.TS, Count: op.Count}
	return AppendOp{&e}.Apply(t, f)
}
