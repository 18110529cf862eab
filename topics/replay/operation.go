package replay

import (
	"context"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// operation applies an entry of the log to the registry.
type operation interface {
	// replay applies the entry. It runs in the order of the log, before Start.
	replay(rp *Replay, f wal.Frame) error
	// rebuild applies the entry to what a repair has found so far. Entries before
	// it may be lost.
	rebuild(ctx context.Context, m *Repairer, f wal.Frame) error
}

// operationOf returns what an entry does: one row for each.
func operationOf(e entry.Entry) operation {
	switch e := e.(type) {
	case *entry.Append:
		return onTopic{topic.AppendOp{Append: e}}
	case *entry.Create:
		return onTopic{topic.CreateOp{Create: e}}
	case *entry.Config:
		return onTopic{topic.ConfigOp{Config: e}}
	case *entry.Drop:
		return dropOp{e}
	case *entry.Reserve:
		return reserveOp{e}
	case *entry.Lost:
		return onTopic{topic.LostOp{Lost: e}}
	case *entry.Watermarks:
		return watermarksOp{e}
	case *entry.Delete:
		return onTopic{&topic.DeleteOp{Delete: *e}}
	case *entry.Router:
		return routerOp{e}
	case *entry.Unroute:
		return unrouteOp{e}
	case *entry.Forward:
		return forwardFrame{e}
	case *entry.Settle:
		return settleFrame{e}
	case *entry.Jobs:
		return onTopic{topic.JobsOp{Jobs: e}}
	}
	return nil
}

// onTopic applies an operation on one topic.
type onTopic struct{ topic.Operation }

func (op onTopic) replay(rp *Replay, f wal.Frame) error {
	return rp.replayTopic(op.Operation, f)
}

func (op onTopic) rebuild(ctx context.Context, m *Repairer, f wal.Frame) error {
	return m.rebuildTopic(ctx, op.Operation, f)
}
