package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
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
	Cost     Cost
}

// DeleteRecords removes records for good and for everybody at once. It touches
// none above the head at its call, and returns when it is as durable as the
// topic's class says.
func (r *Registry) DeleteRecords(ctx context.Context, name string, d *Deletion) (Deleted, error) {
	if d.Before == nil && d.Match == nil {
		return Deleted{}, record.Invalid("a delete needs before_seq or match")
	}
	room := need{bytes: entryOverhead, mode: wal.Freeing | wal.Patient}
	if d.Match != nil {
		room.bytes += len(d.Match.Value)
	}
	var c *commitOf[deleteOp]
	tries := 0
	_, err := r.propose(ctx,
		func() (_ need, err error) {
			c, err = r.findDeleted(name, d)
			if r.shared.outdated(err) && tries < maxTries { // look again: the records have moved
				tries++
				return need{}, errRetry
			}
			return room, err
		},
		func(s *slot) error { return r.assignDelete(s, c) })
	if err != nil {
		return Deleted{}, err
	}
	out := Deleted{}
	if c.op != nil {
		out.Cost, err = c.commit.finish()
		if err != nil {
			return Deleted{}, err
		}
		out.Deleted = c.entry.deleted.Records
	}
	t := c.topic
	t.mu.RLock()
	defer t.mu.RUnlock()
	out.Earliest, out.Head, out.Count, out.Bytes = t.earliest(), t.head, t.live.Records, t.live.Bytes
	return out, nil
}

// findDeleted returns a commit for the deletion, without a place. It has no
// operation if there is nothing to delete.
func (r *Registry) findDeleted(name string, d *Deletion) (*commitOf[deleteOp], error) {
	t, err := r.open(name)
	if err != nil {
		return nil, err
	}
	t.mu.RUnlock()
	t.mu.Lock()
	if t.dropped || !t.visible {
		t.mu.Unlock()
		return nil, record.NotFound(name)
	}
	if t.ending > 0 {
		defer t.mu.Unlock()
		return nil, t.refusal()
	}
	from, upto := t.earliest(), t.head
	if d.Before != nil {
		upto = min(upto, *d.Before-min(*d.Before, 1))
	}
	c := &commitOf[deleteOp]{commit: commit{topic: t, class: t.next.Durability}}
	c.entry.Delete = entry.Delete{ID: t.id, Last: upto, Match: d.Match}
	if upto < from || d.Match == nil {
		t.mu.Unlock()
		if upto >= from {
			c.op = &c.entry
		}
		return c, nil
	}
	matched, extents := &index.SeqSet{}, t.history.All()
	t.tags.Find(d.Match, from, upto, matched.Add)
	t.mu.Unlock()
	err = index.AddMatching(matched, extents, d.Match, from, upto)
	if err != nil {
		return nil, err
	}
	if !matched.Empty() {
		c.entry.matched = matched
		c.op = &c.entry
	}
	return c, nil
}

// assignDelete gives a deletion its place, unless there is nothing for it to
// delete.
func (r *Registry) assignDelete(s *slot, c *commitOf[deleteOp]) error {
	if c.op == nil {
		return nil
	}
	t := c.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dropped {
		return record.NotFound(t.name)
	}
	if err := t.refusal(); err != nil {
		return err
	}
	c.came = r.shared.clock.Now()
	c.class = t.next.Durability
	c.entry.TS = max(c.came.Wall, t.assignedTS)
	if err := c.commit.appendChange(s); err != nil {
		return err
	}
	t.assign(&c.commit, t.assigned)
	return nil
}
