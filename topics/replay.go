package topics

import (
	"context"
	"fmt"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
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
func (r *Registry) replayTopic(op topicOperation, f wal.Frame) error {
	id := op.topic()
	created := creationOf(op)
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
func (r *Registry) topicOf(e entry.Entry, id uint64, f wal.Frame) (*topic, error) {
	t := r.byID[id]
	switch {
	case t != nil && f.LSN < t.applied:
		return nil, nil // the checkpoint has it
	case t == nil && id > 0 && id < r.nextID:
		return nil, nil // written before, and ordered after, the topic's drop
	case t == nil:
		return nil, fmt.Errorf("topics: %s entry for unknown topic id %d", e.Type(), id)
	}
	return t, nil
}

func (r *Registry) replayCreate(id uint64, c *entry.Creation) error {
	if record.CheckName(c.Name) != nil || id < r.nextID {
		return fmt.Errorf("%w: creation of topic id %d", record.ErrMalformed, id)
	}
	if _, taken := r.byName.Get(c.Name); taken {
		return fmt.Errorf("%w: topic id %d takes a name in use", record.ErrMalformed, id)
	}
	r.addReplayed(id, c.Name)
	return nil
}

// addReplayed makes a topic known by its id and its name.
func (r *Registry) addReplayed(id uint64, name string) *topic {
	t := newTopic(id, name, r.shared)
	r.nextID = max(r.nextID, id+1)
	r.byID[id] = t
	r.byName.Set(name, t)
	return t
}

// replayOn applies an operation on t as its commit did.
func (r *Registry) replayOn(t *topic, op topicOperation, frame wal.Frame) error {
	ts := timeOf(op)
	at := min(ts, r.shared.steady())
	f := frameParts{span: wal.Span{Start: frame.LSN, End: frame.End}, came: clock.Moment{Wall: at, Steady: at}}
	f.replayed = true
	created := creationOf(op)
	if created != nil {
		t.openJobs(created.Config)
	}
	batch := batchOf(op)
	if batch.Count > 0 {
		err := r.columns(t, &f, batch)
		if err != nil {
			return err
		}
	}
	if !op.follows(t) {
		head, _ := op.before()
		return fmt.Errorf("%w: %s entry of %d records after seq %d, at %d ms, cannot follow on topic id %d, whose head is %d at %d ms",
			record.ErrMalformed, op.Type(), batch.Count, head, ts, t.id, t.head, t.assignedTS)
	}
	err := t.applyLocked(op, f)
	if err != nil {
		return err
	}
	set := settingOf(op)
	if set != nil {
		t.next = t.cfg
		t.reserve.replay(set.Ceiling, 0)
	}
	t.assigned, t.assignedTS = t.head, max(t.assignedTS, ts)
	return nil
}

// columns sets what the index keeps of a batch's records, and what the queue does.
func (r *Registry) columns(t *topic, f *frameParts, batch entry.Batch) error {
	records, err := r.recordsOf(batch)
	if err != nil {
		return err
	}
	s := &r.scratch
	s.sizes, s.tags, err = index.RecordColumns(s.sizes[:0], s.tags[:0], records, batch.Count)
	if err != nil {
		return err
	}
	f.sizes, f.tags = s.sizes, s.tags
	for _, n := range s.sizes {
		f.bytes += int64(n)
	}
	f.jobs, err = jobsOf(t, batch, records, f.came.Wall)
	return err
}

// Loss is a range that a crash took and recovery made explicit.
type Loss struct {
	Topic    string `json:"topic"`
	From     uint64 `json:"from"`
	To       uint64 `json:"to"`
	Reason   string `json:"reason"`
	AtLeast  uint64 `json:"-"` // so many are known to have been given out
	resolved *topic
}

// Losses returns, after the last Replay, the ranges of seqs that may have been
// given out and whose records are gone: all unsynced classes after the power
// went (powerLost), those that are not in the log even when only the process
// died otherwise. clean is true if the last run ended in an orderly way.
func (r *Registry) Losses(powerLost, clean bool) []Loss {
	var losses []Loss
	r.byName.Scan(func(name string, t *topic) bool {
		gone := false
		switch t.next.Durability {
		case record.Ephemeral:
			gone = true
		case record.Memory:
			gone = !clean
		case record.Disk:
			gone = powerLost && !clean
		}
		if gone && t.reserve.ceiling > t.assigned {
			l := t.crashed(t.assigned+1, t.reserve.ceiling, ReasonCrash)
			losses = append(losses, Loss{name, l.from, l.to, l.reason, l.given, t})
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
		e := entry.Lost{ID: l.resolved.id, From: l.From, To: l.To, Reason: l.Reason}
		span, err := r.shared.logEntry(ctx, &e, nil, wal.Freeing)
		if err != nil {
			return err
		}
		upto = span.End
		l.resolved.mu.Lock()
		l.resolved.applied = span.End
		l.resolved.applyLost(lostRange{from: l.From, to: l.To, reason: l.Reason, given: l.AtLeast})
		l.resolved.mu.Unlock()
	}
	if upto == 0 {
		return nil
	}
	return r.shared.log.WaitSynced(upto)
}

// Replayed is the number of records replayed so far; 0 again after Start.
func (r *Registry) Replayed() int64 { return r.shared.totals.appended.records.Load() }
