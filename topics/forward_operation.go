package topics

import "github.com/e6e95bb8/topics/topics/entry"

// forwardOp publishes what a router forwarded.
type forwardOp struct{ *entry.Forward }

func (op forwardOp) topic() uint64 { return op.ID }

func (op forwardOp) before() (uint64, bool) { return op.First - 1, true }

func (op forwardOp) follows(t *topic) bool {
	return t.takes(op.First, op.Count) && op.TS >= t.assignedTS
}

func (op forwardOp) fit(t *topic) bool {
	op.TS = max(op.TS, t.assignedTS)
	return t.takes(op.First, op.Count)
}

// apply publishes the records like any others.
func (op forwardOp) apply(t *topic, f frameParts) error {
	if op.Trim {
		t.applyLost(lostRange{from: op.First, to: op.First + uint64(op.Count) - 1, reason: ReasonTrim, path: string(op.Path)})
		return nil
	}
	e := entry.Append{ID: op.ID, First: op.First, TS: op.TS, Count: op.Count}
	return appendOp{&e}.apply(t, f)
}
