package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
)

// operation applies an entry of the log to the registry.
type operation interface {
	// replay applies the entry. It runs in the order of the log, before Start.
	replay(r *Registry, f wal.Frame) error
	// rebuild applies the entry to what a repair has found so far. Entries before
	// it may be lost.
	rebuild(ctx context.Context, m *Repairer, f wal.Frame) error
}

// operationOf returns what an entry does: one row for each.
func operationOf(e entry.Entry) operation {
	switch e := e.(type) {
	case *entry.Append:
		return appendOp{e}
	case *entry.Create:
		return createOp{e}
	case *entry.Config:
		return configOp{e}
	case *entry.Drop:
		return dropOp{e}
	case *entry.Reserve:
		return reserveOp{e}
	case *entry.Lost:
		return lostOp{e}
	case *entry.Watermarks:
		return watermarksOp{e}
	case *entry.Delete:
		return &deleteOp{Delete: *e}
	case *entry.Router:
		return routerOp{e}
	case *entry.Unroute:
		return unrouteOp{e}
	case *entry.Forward:
		return forwardOp{e}
	case *entry.Settle:
		return settleOp{Settle: e}
	case *entry.Jobs:
		return jobsOp{e}
	}
	return nil
}

// topicOperation is an operation on one topic, with a place among the topic's
// writes. A live commit applies the same one as its replay: see Registry.applyLocked.
// An entry that makes its topic also has Creates, one that sets the topic's
// config has Sets, and one with records has Batch.
type topicOperation interface {
	entry.Entry
	// topic returns the topic's id.
	topic() uint64
	// before returns the topic's head before the operation, and false if the
	// entry does not say.
	before() (head uint64, known bool)
	// follows reports whether the operation may come next on t: neither seqs nor
	// times go back, and the index relies on that.
	follows(t *topic) bool
	// fit changes the operation so that it follows on t, of which entries may be
	// lost. It returns false if the operation says nothing that is not known.
	fit(t *topic) bool
	// apply publishes the operation. t.mu is held.
	apply(t *topic, f frameParts) error
}

type (
	creator interface{ Creates() *entry.Creation }
	setter  interface{ Sets() *entry.Setting }
	carrier interface{ Batch() entry.Batch }
)

// creationOf returns what the operation makes its topic with; nil if it makes
// none.
func creationOf(op topicOperation) *entry.Creation {
	c, ok := op.(creator)
	if !ok {
		return nil
	}
	return c.Creates()
}

// settingOf returns the config that the operation sets; nil if it sets none.
func settingOf(op topicOperation) *entry.Setting {
	s, ok := op.(setter)
	if !ok {
		return nil
	}
	return s.Sets()
}

// batchOf returns the operation's records.
func batchOf(op topicOperation) entry.Batch {
	c, ok := op.(carrier)
	if !ok {
		return entry.Batch{}
	}
	return c.Batch()
}

// timeOf returns the operation's time in Unix ms; 0 if the entry does not say.
func timeOf(op topicOperation) int64 {
	ms, _ := op.Time()
	return ms
}
