package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// dropOp ends a topic and its routers.
type dropOp struct{ *entry.Drop }

func (op dropOp) replay(r *Registry, f wal.Frame) error {
	t, err := r.topicOf(op, op.ID, f)
	if t == nil || err != nil {
		return err
	}
	r.cascadeLocked(t)
	r.forget(t)
	return nil
}

func (op dropOp) rebuild(_ context.Context, m *Repairer, f wal.Frame) error {
	t := m.r.catalog.ByID[op.ID]
	if t != nil && f.LSN >= m.had[op.ID] {
		m.drop(t)
	}
	return nil
}

// reserveOp moves the ceiling of the seqs that may be given out.
type reserveOp struct{ *entry.Reserve }

func (op reserveOp) replay(r *Registry, f wal.Frame) error {
	t, err := r.topicOf(op, op.ID, f)
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

func (op watermarksOp) replay(r *Registry, f wal.Frame) error {
	for _, w := range op.Topics {
		t := r.catalog.ByID[w.Topic]
		if t != nil && f.LSN >= t.Applied {
			t.ApplyWatermark(w)
		}
	}
	return nil
}

func (op watermarksOp) rebuild(_ context.Context, m *Repairer, f wal.Frame) error {
	for _, w := range op.Topics {
		t := m.r.catalog.ByID[w.Topic]
		if t != nil && f.LSN >= m.had[w.Topic] {
			t.ApplyWatermark(w)
		}
	}
	return nil
}

// settleFrame removes records, and has appends of their own as its parts.
type settleFrame struct{ *entry.Settle }

// replay applies the frame to each of its topics that does not have it yet.
func (op settleFrame) replay(r *Registry, f wal.Frame) error {
	t, err := r.topicOf(op, op.ID, f)
	if err == nil && t != nil {
		err = r.replayOn(t, topic.SettleOp{Settle: op.Settle}, f)
	}
	for i := range op.Parts {
		if err != nil {
			return err
		}
		part := topic.AppendOp{Append: &op.Parts[i]}
		switch {
		case part.ID != op.ID:
			err = r.replayTopic(part, f)
		case t != nil:
			err = r.replayOn(t, part, f)
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
