package replay

import (
	"context"
	"fmt"

	"github.com/e6e95bb8/topics/topics/catalog"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Replay fills a registry's topics and routers from a checkpoint and from the log:
// Restore first, then Refer and Frame. It is used by one goroutine, before anything
// else is done with them, until End.
type Replay struct {
	shared  *topic.Shared
	catalog *catalog.Catalog
	routers *router.Table
	source  func() *wal.Reader // of the frames that others refer to
	scratch struct {           // of the present frame
		entries entry.Decoder
		sizes   []uint32
		tags    []byte
		frames  *topic.Frames
	}
}

// New returns what fills an empty catalog and an empty table of routers.
func New(shared *topic.Shared, c *catalog.Catalog, routers *router.Table) *Replay {
	return &Replay{shared: shared, catalog: c, routers: routers}
}

// End drops what only the replay needs. No frame may follow.
func (rp *Replay) End() {
	rp.catalog.Mu.Lock()
	defer rp.catalog.Mu.Unlock()
	rp.catalog.EndReplayLocked()
	rp.routers.ByID, rp.source = nil, nil
	rp.routers.MarkCycles()
}

// forget takes a deleted topic and its routers away, and its records out of the totals.
func (rp *Replay) forget(t *topic.Topic) {
	rp.routers.Cascade(t, &rp.shared.Counters)
	rp.catalog.UnnameLocked(t)
	t.EmptyLocked()
}

// Frame applies one frame of the log. It must be called in the order of the
// log, by one goroutine, before Start.
func (rp *Replay) Frame(f wal.Frame) error {
	e, err := rp.scratch.entries.Decode(f.Type, f.Payload)
	if err != nil {
		return err
	}
	return operationOf(e).replay(rp, f)
}

// replayTopic applies an operation on one topic, and makes the topic first if
// the entry does.
func (rp *Replay) replayTopic(op topic.Operation, f wal.Frame) error {
	id := op.Topic()
	created := topic.CreationOf(op)
	if created != nil {
		err := rp.replayCreate(id, created)
		if err != nil {
			return err
		}
	}
	t, err := rp.topicOf(op, id, f)
	if t == nil || err != nil {
		return err
	}
	return rp.replayOn(t, op, f)
}

// topicOf returns the topic of an entry; nil if the entry is to be passed over:
// the checkpoint has it already, or the topic's drop comes before it in the log.
func (rp *Replay) topicOf(e entry.Entry, id uint64, f wal.Frame) (*topic.Topic, error) {
	t := rp.catalog.ByID[id]
	switch {
	case t != nil && f.LSN < t.Applied:
		return nil, nil // the checkpoint has it
	case t == nil && id > 0 && id < rp.catalog.NextID:
		return nil, nil // written before, and ordered after, the topic's drop
	case t == nil:
		return nil, fmt.Errorf("topics: %s entry for unknown topic id %d", e.Type(), id)
	}
	return t, nil
}

func (rp *Replay) replayCreate(id uint64, c *entry.Creation) error {
	if record.CheckName(c.Name) != nil || id < rp.catalog.NextID {
		return fmt.Errorf("%w: creation of topic id %d", record.ErrMalformed, id)
	}
	if rp.catalog.GetLocked(c.Name) != nil {
		return fmt.Errorf("%w: topic id %d takes a name in use", record.ErrMalformed, id)
	}
	rp.catalog.AddReplayed(id, c.Name)
	return nil
}

// replayOn applies an operation on t as its commit did.
func (rp *Replay) replayOn(t *topic.Topic, op topic.Operation, frame wal.Frame) error {
	ts := topic.TimeOf(op)
	at := min(ts, rp.shared.Steady())
	f := topic.Parts{Span: wal.Span{Start: frame.LSN, End: frame.End}, Came: clock.Moment{Wall: at, Steady: at}}
	f.Replayed = true
	created := topic.CreationOf(op)
	if created != nil {
		t.OpenJobs(created.Config)
	}
	batch := topic.BatchOf(op)
	if batch.Count > 0 {
		err := rp.columns(t, &f, batch)
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
func (rp *Replay) columns(t *topic.Topic, f *topic.Parts, batch entry.Batch) error {
	records, err := rp.recordsOf(batch)
	if err != nil {
		return err
	}
	s := &rp.scratch
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

// Losses returns, after the last Frame, the ranges of seqs that may have been
// given out and whose records are gone: all unsynced classes after the power
// went (powerLost), those that are not in the log even when only the process
// died otherwise. clean is true if the last run ended in an orderly way.
func (rp *Replay) Losses(powerLost, clean bool) []Loss {
	var losses []Loss
	rp.catalog.ByName.Scan(func(name string, t *topic.Topic) bool {
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
func (rp *Replay) LogLosses(ctx context.Context, losses []Loss) error {
	var upto wal.LSN
	for _, l := range losses {
		e := entry.Lost{ID: l.resolved.ID, From: l.From, To: l.To, Reason: l.Reason}
		span, err := rp.shared.LogEntry(ctx, &e, nil, wal.Freeing)
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
	return rp.shared.Log.WaitSynced(upto)
}

// Records is the number of records replayed so far; 0 again after Start.
func (rp *Replay) Records() int64 { return rp.shared.Counters.Appended.Records.Load() }
