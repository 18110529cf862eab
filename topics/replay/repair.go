package replay

import (
	"context"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Repairer fills an empty registry with what is left of a damaged data
// directory: Restore first, or Forget, then Frame and Gap in the order of the
// log, then Finish. What is gone becomes lost ranges with ReasonCorrupt, wide
// enough that no seq is ever given out twice. The registry then works on the
// log that the Repairer was given, and holds what the old one had in it.
type Repairer struct {
	rp *Replay

	known    uint64                  // topics with lower ids are in the state, or were deleted before it
	had      map[uint64]wal.LSN      // what the state has of each topic
	dropped  map[uint64]bool         // topics that went since
	missing  uint64                  // bytes of the log that are lost so far
	unsure   map[*topic.Topic]uint64 // bytes of the log lost since the topic's head was last known
	corrupt  []Loss
	recreate int // topics that came back under another name
}

// NewRepairer begins to fill an empty registry onto a log that is empty, which takes
// the records that are in no segment.
func NewRepairer(rp *Replay, log *wal.Log) *Repairer {
	rp.shared.Log = log
	return &Repairer{rp: rp, known: 1, had: map[uint64]wal.LSN{}, dropped: map[uint64]bool{}, unsure: map[*topic.Topic]uint64{}}
}

// Restore takes a checkpoint's state, and the segments that are left of those
// it names, in order.
func (m *Repairer) Restore(state []byte, segs []*segment.Segment) error {
	rp := m.rp
	if err := rp.restoreSnapshot(state); err != nil {
		return err
	}
	m.known = rp.catalog.NextID
	extents, err := index.ReadTables(segs)
	if err != nil {
		return err
	}
	for _, t := range rp.catalog.InOrder() {
		m.had[t.ID] = t.Applied
		// A later checkpoint's segments may be among them: the log has that.
		t.History.Attach(slices.DeleteFunc(extents[t.ID], func(e index.Extent) bool { return e.At.First > t.Head }))
		if err := m.recount(t); err != nil {
			return err
		}
	}
	return nil
}

// recount makes what t says of its records in segments agree with those.
func (m *Repairer) recount(t *topic.Topic) error {
	var gone []topic.LostRange
	found, err := t.Audit(func(from, to uint64) {
		gone = append(gone, topic.LostRange{From: from, To: to, Reason: topic.ReasonCorrupt})
	})
	if err != nil {
		return err
	}
	for _, l := range gone {
		m.lose(t, l.From, l.To)
	}
	t.Grow(record.Size{Records: found.Live.Records - t.Live.Records, Bytes: found.Live.Bytes - t.Live.Bytes})
	t.History.Restart(found.First.Seq, found.First.TS)
	t.SkipDead()
	return nil
}

// lose makes [from, to] of t a lost range, in its place among the others.
func (m *Repairer) lose(t *topic.Topic, from, to uint64) {
	t.Lost.Insert(topic.LostRange{From: from, To: to, Reason: topic.ReasonCorrupt})
	if n := len(m.corrupt); n > 0 && m.corrupt[n-1].resolved == t && m.corrupt[n-1].To+1 == from {
		m.corrupt[n-1].To = to
		return
	}
	m.corrupt = append(m.corrupt, Loss{Topic: t.Name, From: from, To: to, Reason: topic.ReasonCorrupt, resolved: t})
}

// Forget is for a directory without any state, when the log no longer begins
// at its beginning but at a position: topics come back from the segments alone,
// under names made from their ids and with the default config.
func (m *Repairer) Forget(segs []*segment.Segment, at wal.LSN) error {
	extents, err := index.ReadTables(segs)
	if err != nil {
		return err
	}
	ids := make([]uint64, 0, len(extents))
	for id := range extents {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		of := extents[id]
		t := m.recover(id)
		t.History = index.NewHistory(1, of[0].At.FirstTS)
		t.History.Attach(of)
		t.Head = of[len(of)-1].At.Last
		t.Assigned = t.Head
		t.AssignedTS, t.LastWrite = of[len(of)-1].At.LastTS, of[len(of)-1].At.LastTS
		t.ArriveBy(m.rp.shared.Steady())
		if err := m.recount(t); err != nil {
			return err
		}
	}
	m.Gap(0, at)
	return nil
}

// recover makes a topic of which nothing but the id is known.
func (m *Repairer) recover(id uint64) *topic.Topic {
	rp := m.rp
	c := record.DefaultConfig()
	name := fmt.Sprintf("recovered-%d", id)
	for n := 2; ; n++ {
		if _, taken := rp.catalog.ByName.Get(name); !taken {
			break
		}
		name = fmt.Sprintf("recovered-%d-%d", id, n)
	}
	t := rp.catalog.AddReplayed(id, name)
	t.ApplyCreate(&c)
	t.Next = t.Config
	m.recreate++
	return t
}

// Gap records that the log's bytes between two positions are lost.
func (m *Repairer) Gap(from, to wal.LSN) {
	if to <= from {
		return
	}
	m.missing += uint64(to - from)
	for id, t := range m.rp.catalog.ByID {
		if m.had[id] < to {
			m.unsure[t] += uint64(to - from)
		}
	}
}

// Frame applies a frame that is whole.
func (m *Repairer) Frame(ctx context.Context, f wal.Frame) error {
	e, err := m.rp.scratch.entries.Decode(f.Type, f.Payload)
	if err != nil {
		m.Gap(f.LSN, f.End)
		return nil
	}
	return operationOf(e).rebuild(ctx, m, f)
}

// rebuildTopic applies an operation on one topic.
func (m *Repairer) rebuildTopic(ctx context.Context, op topic.Operation, f wal.Frame) error {
	t := m.target(op, f)
	if t == nil {
		return nil
	}
	return m.redo(ctx, t, op)
}

// target returns the topic of an operation that has been made to follow on it;
// nil if there is nothing to apply.
func (m *Repairer) target(op topic.Operation, f wal.Frame) *topic.Topic {
	t := m.resolve(op.Topic(), topic.CreationOf(op))
	if t == nil || f.LSN < m.had[t.ID] || !m.fit(t, op) {
		return nil
	}
	return t
}

// redo puts the operation's records into the log at hand, and applies it.
func (m *Repairer) redo(ctx context.Context, t *topic.Topic, op topic.Operation) error {
	span := wal.Span{}
	batch := topic.BatchOf(op)
	if batch.Count > 0 {
		var err error
		bare := entry.Append{ID: t.ID, First: batch.First, TS: topic.TimeOf(op), Count: batch.Count}
		span, err = m.rp.shared.LogEntry(ctx, &bare, batch.Records, 0)
		if err != nil {
			return err
		}
	}
	t.Applied = 0 // positions in the old log mean nothing in the one at hand
	return m.rp.replayOn(t, op, wal.Frame{LSN: span.Start, End: span.End})
}

// resolve finds the topic of an entry, or makes it from creation, which may be
// nil. It returns nil if the topic is gone.
func (m *Repairer) resolve(id uint64, creation *entry.Creation) *topic.Topic {
	t := m.rp.catalog.ByID[id]
	if t != nil || id < m.known || m.dropped[id] {
		return t
	}
	if creation != nil {
		if old, taken := m.rp.catalog.ByName.Get(creation.Name); taken { // its drop is lost
			m.drop(old)
		}
		if record.CheckName(creation.Name) != nil {
			return nil
		}
		return m.rp.catalog.AddReplayed(id, creation.Name)
	}
	if m.missing == 0 || id == 0 {
		return nil
	}
	t = m.recover(id)
	m.unsure[t] = m.missing
	return t
}

func (m *Repairer) drop(t *topic.Topic) {
	m.dropped[t.ID] = true
	delete(m.unsure, t)
	m.rp.forget(t)
}

// fit makes the operation follow on what is known of t. It returns false if the
// operation says nothing that is not known.
func (m *Repairer) fit(t *topic.Topic, op topic.Operation) bool {
	if !op.Fit(t) {
		return false
	}
	head, known := op.Before()
	if !known {
		return true
	}
	_, unsure := m.unsure[t]
	if unsure && head > t.Head {
		m.lose(t, t.Head+1, head)
		t.Head, t.Assigned = head, max(t.Assigned, head)
	}
	delete(m.unsure, t)
	return true
}
