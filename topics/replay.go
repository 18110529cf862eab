package topics

import (
	"context"
	"fmt"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Replay applies one frame of the log. It must be called in the order of the
// log, by one goroutine, before Start.
func (r *Registry) Replay(f wal.Frame) error {
	e, err := r.scratch.entries.Decode(f.Type, f.Payload)
	if err != nil {
		return err
	}
	return operationOf(e).replay(r, f)
}

// replayTopic applies an operation on one topic, and makes the topic first if
// the entry does.
func (r *Registry) replayTopic(op topic.Operation, f wal.Frame) error {
	id := op.Topic()
	created := topic.CreationOf(op)
	if created != nil {
		err := r.replayCreate(id, created)
		if err != nil {
			return err
		}
	}
	t, err := r.topicOf(op, id, f)
	if t == nil || err != nil {
		return err
	}
	return r.replayOn(t, op, f)
}

// topicOf returns the topic of an entry; nil if the entry is to be passed over:
// the checkpoint has it already, or the topic's drop comes before it in the log.
func (r *Registry) topicOf(e entry.Entry, id uint64, f wal.Frame) (*topic.Topic, error) {
	t := r.catalog.ByID[id]
	switch {
	case t != nil && f.LSN < t.Applied:
		return nil, nil // the checkpoint has it
	case t == nil && id > 0 && id < r.catalog.NextID:
		return nil, nil // written before, and ordered after, the topic's drop
	case t == nil:
		return nil, fmt.Errorf("topics: %s entry for unknown topic id %d", e.Type(), id)
	}
	return t, nil
}

func (r *Registry) replayCreate(id uint64, c *entry.Creation) error {
	if record.CheckName(c.Name) != nil || id < r.catalog.NextID {
		return fmt.Errorf("%w: creation of topic id %d", record.ErrMalformed, id)
	}
	if r.catalog.GetLocked(c.Name) != nil {
		return fmt.Errorf("%w: topic id %d takes a name in use", record.ErrMalformed, id)
	}
	r.catalog.AddReplayed(id, c.Name)
	return nil
}

// replayOn applies an operation on t as its commit did.
func (r *Registry) replayOn(t *topic.Topic, op topic.Operation, frame wal.Frame) error {
	ts := topic.TimeOf(op)
	at := min(ts, r.shared.Steady())
	f := topic.Parts{Span: wal.Span{Start: frame.LSN, End: frame.End}, Came: clock.Moment{Wall: at, Steady: at}}
	f.Replayed = true
	created := topic.CreationOf(op)
	if created != nil {
		t.OpenJobs(created.Config)
	}
	batch := topic.BatchOf(op)
	if batch.Count > 0 {
		err := r.columns(t, &f, batch)
		if err != nil {
			return err
		}
	}
	if !op.Follows(t) {
		head, _ := op.Before()
		return fmt.Errorf("%w: %s entry of %d records after seq %d, at %d ms, cannot follow on topic id %d, whose head is %d at %d ms",
			record.ErrMalformed, op.Type(), batch.Count, head, ts, t.ID, t.Head, t.AssignedTS)
	}
	err := t.ApplyLocked(op, f)
	if err != nil {
		return err
	}
	set := topic.SettingOf(op)
	if set != nil {
		t.Next = t.Config
		t.Reserve.Replay(set.Ceiling, 0)
	}
	t.Assigned, t.AssignedTS = t.Head, max(t.AssignedTS, ts)
	return nil
}

// columns sets what the index keeps of a batch's records, and what the queue does.
func (r *Registry) columns(t *topic.Topic, f *topic.Parts, batch entry.Batch) error {
	records, err := r.recordsOf(batch)
	if err != nil {
		return err
	}
	s := &r.scratch
	s.sizes, s.tags, err = index.RecordColumns(s.sizes[:0], s.tags[:0], records, batch.Count)
	if err != nil {
		return err
	}
	f.Sizes, f.Tags = s.sizes, s.tags
	for _, n := range s.sizes {
		f.Bytes += int64(n)
	}
	f.Jobs, err = topic.JobsOf(t, batch, records, f.Came.Wall)
	return err
}

// Loss is a range that a crash took and recovery made explicit.
type Loss struct {
	Topic    string `json:"topic"`
	From     uint64 `json:"from"`
	To       uint64 `json:"to"`
	Reason   string `json:"reason"`
	AtLeast  uint64 `json:"-"` // so many are known to have been given out
	resolved *topic.Topic
}

// Losses returns, after the last Replay, the ranges of seqs that may have been
// given out and whose records are gone: all unsynced classes after the power
// went (powerLost), those that are not in the log even when only the process
// died otherwise. clean is true if the last run ended in an orderly way.
func (r *Registry) Losses(powerLost, clean bool) []Loss {
	var losses []Loss
	r.catalog.ByName.Scan(func(name string, t *topic.Topic) bool {
		gone := false
		switch t.Next.Durability {
		case record.Ephemeral:
			gone = true
		case record.Memory:
			gone = !clean
		case record.Disk:
			gone = powerLost && !clean
		}
		if gone && t.Reserve.Ceiling > t.Assigned {
			l := t.Crashed(t.Assigned+1, t.Reserve.Ceiling, topic.ReasonCrash)
			losses = append(losses, Loss{name, l.From, l.To, l.Reason, l.Given, t})
		}
		return true
	})
	return losses
}

// LogLosses appends the losses to the log, applies them, and waits until they
// are durable. It is called once, after Start and before any write.
func (r *Registry) LogLosses(ctx context.Context, losses []Loss) error {
	var upto wal.LSN
	for _, l := range losses {
		e := entry.Lost{ID: l.resolved.ID, From: l.From, To: l.To, Reason: l.Reason}
		span, err := r.shared.LogEntry(ctx, &e, nil, wal.Freeing)
		if err != nil {
			return err
		}
		upto = span.End
		l.resolved.Mu.Lock()
		l.resolved.Applied = span.End
		l.resolved.ApplyLost(topic.LostRange{From: l.From, To: l.To, Reason: l.Reason, Given: l.AtLeast})
		l.resolved.Mu.Unlock()
	}
	if upto == 0 {
		return nil
	}
	return r.shared.Log.WaitSynced(upto)
}

// Replayed is the number of records replayed so far; 0 again after Start.
func (r *Registry) Replayed() int64 { return r.shared.Counters.Appended.Records.Load() }
