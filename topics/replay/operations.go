package replay

import (
	"context"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// dropOp ends a topic and its routers.
type dropOp struct{ *entry.Drop }

func (op dropOp) replay(rp *Replay, f wal.Frame) error {
	t, err := rp.topicOf(op, op.ID, f)
	if t == nil || err != nil {
		return err
	}
	rp.forget(t)
	return nil
}

func (op dropOp) rebuild(_ context.Context, m *Repairer, f wal.Frame) error {
	t := m.rp.catalog.ByID[op.ID]
	if t != nil && f.LSN >= m.had[op.ID] {
		m.drop(t)
	}
	return nil
}

// reserveOp moves the ceiling of the seqs that may be given out.
type reserveOp struct{ *entry.Reserve }

func (op reserveOp) replay(rp *Replay, f wal.Frame) error {
	t, err := rp.topicOf(op, op.ID, f)
	if t == nil || err != nil {
		return err
	}
	op.setOn(t)
	return nil
}

func (op reserveOp) rebuild(_ context.Context, m *Repairer, f wal.Frame) error {
	t := m.resolve(op.ID, nil)
	if t == nil || f.LSN < m.had[op.ID] {
		return nil
	}
	t.Applied = 0
	op.setOn(t)
	return nil
}

func (op reserveOp) setOn(t *topic.Topic) {
	t.Reserve.Replay(op.Ceiling, op.Given)
	t.Visit()
}

// watermarksOp drops what the sweeper has recorded as gone.
type watermarksOp struct{ *entry.Watermarks }

func (op watermarksOp) replay(rp *Replay, f wal.Frame) error {
	for _, w := range op.Topics {
		t := rp.catalog.ByID[w.Topic]
		if t != nil && f.LSN >= t.Applied {
			t.ApplyWatermark(w)
		}
	}
	return nil
}

func (op watermarksOp) rebuild(_ context.Context, m *Repairer, f wal.Frame) error {
	for _, w := range op.Topics {
		t := m.rp.catalog.ByID[w.Topic]
		if t != nil && f.LSN >= m.had[w.Topic] {
			t.ApplyWatermark(w)
		}
	}
	return nil
}

// settleFrame removes records, and has appends of their own as its parts.
type settleFrame struct{ *entry.Settle }

// replay applies the frame to each of its topics that does not have it yet.
func (op settleFrame) replay(rp *Replay, f wal.Frame) error {
	t, err := rp.topicOf(op, op.ID, f)
	if err == nil && t != nil {
		err = rp.replayOn(t, topic.SettleOp{Settle: op.Settle}, f)
	}
	for i := range op.Parts {
		if err != nil {
			return err
		}
		part := topic.AppendOp{Append: &op.Parts[i]}
		switch {
		case part.ID != op.ID:
			err = rp.replayTopic(part, f)
		case t != nil:
			err = rp.replayOn(t, part, f)
		}
	}
	return err
}

func (op settleFrame) rebuild(ctx context.Context, m *Repairer, f wal.Frame) error {
	err := m.rebuildTopic(ctx, topic.SettleOp{Settle: op.Settle}, f)
	for i := range op.Parts {
		if err != nil {
			return err
		}
		err = m.rebuildTopic(ctx, topic.AppendOp{Append: &op.Parts[i]}, f)
	}
	return err
}
