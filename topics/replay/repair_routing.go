package replay

import (
	"context"
	"errors"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Refer sets the function that returns readers of the damaged log.
func (m *Repairer) Refer(reader func() *wal.Reader) { m.rp.Refer(reader) }

// rebuild brings the router back, and the topics that came with it.
func (op routerOp) rebuild(ctx context.Context, m *Repairer, f wal.Frame) error {
	rp := m.rp
	for i, id := range op.Ends() {
		made := op.Made[i]
		op.Made[i] = entry.Creation{}
		if made.Config == nil || rp.catalog.ByID[id] != nil {
			continue
		}
		err := m.rebuildTopic(ctx, topic.CreateOp{Create: &entry.Create{ID: id, TS: op.TS, Creation: made}}, f)
		if err != nil {
			return err
		}
	}
	if rp.catalog.ByID[op.Source] == nil || rp.catalog.ByID[op.Dest] == nil {
		rp.routers.NextID = max(rp.routers.NextID, op.ID+1)
		return nil // an end is lost, or was deleted
	}
	if old, taken := rp.routers.ByName.Get(op.Name); taken && old.ID != op.ID && router.CheckName(op.Name) == nil {
		rp.endRouter(old.ID) // its end is lost
	}
	err := op.replay(rp, f)
	if errors.Is(err, record.ErrMalformed) {
		return nil // what is left does not fit together: the router is not there
	}
	return err
}

func (op unrouteOp) rebuild(_ context.Context, m *Repairer, f wal.Frame) error {
	return op.replay(m.rp, f)
}

// rebuild makes of a forwarded record one like any other: frames of the old log
// cannot be referred to.
func (op forwardFrame) rebuild(ctx context.Context, m *Repairer, f wal.Frame) error {
	m.rp.replayCursor(op.Forward, f)
	if op.CursorOnly {
		return nil
	}
	t := m.target(topic.ForwardOp{Forward: op.Forward}, f)
	if t == nil {
		return nil
	}
	if !op.Trim {
		records, err := m.rp.recordsOf(op.Batch())
		if topic.Unreadable(err) {
			m.loseForwarded(t, op)
			return nil
		}
		if err != nil {
			return err
		}
		op.Records, op.Runs = records, nil
	}
	return m.redo(ctx, t, topic.ForwardOp{Forward: op.Forward})
}

// loseForwarded makes the seqs of a forwarded frame lost whose records are.
func (m *Repairer) loseForwarded(t *topic.Topic, op forwardFrame) {
	last := op.First + uint64(op.Count) - 1
	t.Jump(op.First-1, topic.ReasonCrash)
	m.lose(t, op.First, last)
	t.Head, t.Assigned = last, max(t.Assigned, last)
	t.AssignedTS = max(t.AssignedTS, op.TS)
}

// settleRouters makes what routers say of the old log hold for the new one.
func (m *Repairer) settleRouters(at wal.LSN) {
	for _, rt := range m.rp.routers.ByID {
		rt.Applied = at
		// Where the source's head is lower than it was, all of it is new.
		rt.Cursor = min(rt.Cursor, rt.Source.Head)
		rt.Done = rt.Cursor
	}
}
