package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Deletion selects the records to delete: those below Before, those that match, or
// those for which both are true if both are set.
type Deletion struct {
	Before *uint64
	Match  *record.Match
}

// Deleted answers DeleteRecords with the topic as the deletion left it.
type Deleted struct {
	Deleted  int64
	Earliest uint64
	Head     uint64
	Count    int64
	Bytes    int64
	Cost     topic.Cost
}

// DeleteRecords removes records for good and for everybody at once. It touches
// none above the head at its call, and returns when it is as durable as the
// topic's class says.
func (r *Registry) DeleteRecords(ctx context.Context, name string, d *Deletion) (Deleted, error) {
	room := topic.Need{Bytes: topic.EntryOverhead, Mode: wal.Freeing | wal.Patient}
	if d.Match != nil {
		room.Bytes += len(d.Match.Value)
	}
	var c *topic.CommitOf[topic.DeleteOp]
	tries := 0
	_, err := r.shared.Propose(ctx,
		func() (_ topic.Need, err error) {
			c, err = r.findDeleted(name, d)
			if r.shared.Outdated(err) && tries < topic.MaxTries { // look again: the records have moved
				tries++
				return topic.Need{}, topic.ErrRetry
			}
			return room, err
		},
		func(s *topic.Slot) error { return r.assignDelete(s, c) })
	if err != nil {
		return Deleted{}, err
	}
	out := Deleted{}
	if c.Operation != nil {
		out.Cost, err = c.Commit.Finish()
		if err != nil {
			return Deleted{}, err
		}
		out.Deleted = c.Entry.Deleted.Records
	}
	t := c.Topic
	t.Mu.RLock()
	defer t.Mu.RUnlock()
	out.Earliest, out.Head, out.Count, out.Bytes = t.Earliest(), t.Head, t.Live.Records, t.Live.Bytes
	return out, nil
}

// findDeleted returns a commit for the deletion, without a place. It has no
// operation if there is nothing to delete.
func (r *Registry) findDeleted(name string, d *Deletion) (*topic.CommitOf[topic.DeleteOp], error) {
	if d.Before == nil && d.Match == nil {
		return nil, record.Invalid("a delete needs before_seq or match")
	}
	t, err := r.open(name)
	if err != nil {
		return nil, err
	}
	t.Mu.RUnlock()
	t.Mu.Lock()
	if t.Dropped || !t.Visible {
		t.Mu.Unlock()
		return nil, record.NotFound(name)
	}
	if t.Ending > 0 {
		defer t.Mu.Unlock()
		return nil, t.Refusal()
	}
	from, upto := t.Earliest(), t.Head
	if d.Before != nil {
		upto = min(upto, *d.Before-min(*d.Before, 1))
	}
	c := &topic.CommitOf[topic.DeleteOp]{Commit: topic.Commit{Topic: t, Class: t.Next.Durability}}
	c.Entry.Delete = entry.Delete{ID: t.ID, Last: upto, Match: d.Match}
	if upto < from || d.Match == nil {
		t.Mu.Unlock()
		if upto >= from {
			c.Operation = &c.Entry
		}
		return c, nil
	}
	matched, extents := &index.SeqSet{}, t.History.All()
	t.Tags.Find(d.Match, from, upto, matched.Add)
	t.Mu.Unlock()
	err = index.AddMatching(matched, extents, d.Match, from, upto)
	if err != nil {
		return nil, err
	}
	if !matched.Empty() {
		c.Entry.Matched = matched
		c.Operation = &c.Entry
	}
	return c, nil
}

// assignDelete gives a deletion its place, unless there is nothing for it to
// delete.
func (r *Registry) assignDelete(s *topic.Slot, c *topic.CommitOf[topic.DeleteOp]) error {
	if c.Operation == nil {
		return nil
	}
	t := c.Topic
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if t.Dropped {
		return record.NotFound(t.Name)
	}
	if err := t.Refusal(); err != nil {
		return err
	}
	c.Came = r.shared.Clock.Now()
	c.Class = t.Next.Durability
	c.Entry.TS = max(c.Came.Wall, t.AssignedTS)
	if err := c.Commit.AppendLocked(s); err != nil {
		return err
	}
	t.Assign(&c.Commit, t.Assigned)
	return nil
}
