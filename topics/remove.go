package topics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Deletion says which records go: those below Before, those that match, or,
// with both, those that are both.
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
	need := entryOverhead
	if d.Match != nil {
		need += len(d.Match.Value)
	}
	for tries := 0; ; tries++ {
		if _, err := r.waitForSpace(ctx, need, wal.Freeing|wal.Patient); err != nil {
			return Deleted{}, logError(err)
		}
		c, err := r.assignDelete(name, d)
		if r.outdated(err) && tries < maxTries {
			continue
		}
		again, err := r.again(err)
		if again {
			continue
		}
		if err != nil {
			return Deleted{}, logError(err)
		}
		out := Deleted{}
		if c.entry.typ == entryDelete {
			began := time.Now()
			synced, err := r.satisfy(c)
			if err := r.publish(c, err); err != nil {
				return Deleted{}, err
			}
			out.Deleted = c.entry.deleted.Records
			out.Cost = Cost{Append: time.Since(began) - synced, Sync: synced}
		}
		t := c.topic
		t.mu.RLock()
		defer t.mu.RUnlock()
		out.Earliest, out.Head, out.Count, out.Bytes = t.earliest(), t.head, t.live.Records, t.live.Bytes
		return out, nil
	}
}

// assignDelete gives a deletion its place, unless there is nothing for it to
// delete: then the commit has no entry.
func (r *Registry) assignDelete(name string, d *Deletion) (*commit, error) {
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
	c := &commit{topic: t, class: t.next.Durability, entry: entry{id: t.id, last: upto, match: d.Match}}
	if upto < from {
		t.mu.Unlock()
		return c, nil
	}
	if d.Match != nil {
		matched, extents := &seqSet{}, t.history.extents
		t.tags.find(d.Match, from, upto, matched.add)
		t.mu.Unlock()
		if err := matching(extents, d.Match, from, upto, matched); err != nil {
			return nil, err
		}
		if matched.empty() {
			return c, nil
		}
		c.entry.matched = matched
		t.mu.Lock()
	}
	defer t.mu.Unlock()
	if t.dropped {
		return nil, record.NotFound(name)
	}
	if err := t.refusal(); err != nil {
		return nil, err
	}
	c.came = r.clock.now()
	c.entry.typ, c.entry.ts = entryDelete, max(c.came.wall, t.assignedTS)
	payload, err := c.entry.encode(nil)
	if err != nil {
		return nil, err
	}
	if c.span, err = r.log.TryAppend(wal.Freeing, entryDelete, payload, nil); err != nil {
		return nil, logError(err)
	}
	t.assignedTS = c.entry.ts
	t.pending = append(t.pending, c)
	return c, nil
}

// errMoved says that a segment went away under a reader, who looks again:
// what was in it is in another one by then.
var errMoved = errors.New("topics: the segment is gone")

// matching adds to set the seqs of [from, upto] in the extents whose tag
// matches, by the segments' postings.
func matching(extents []extent, m *record.Match, from, upto uint64, set *seqSet) error {
	for i := range extents {
		e := &extents[i]
		if i > 0 && extents[i-1].seg == e.seg || !e.at.HasTags() {
			continue
		}
		err := e.tags(m, func(seq uint64) {
			if seq >= from && seq <= upto {
				set.add(seq)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tags calls f with the seqs of the topic in e's whole segment whose tag
// matches.
func (e *extent) tags(m *record.Match, f func(seq uint64)) error {
	if !e.seg.Retain() {
		return errMoved
	}
	defer e.seg.Release()
	return segmentError(e.seg.Tags(&e.at, []byte(m.Value), func(tag []byte, seqs []uint64) bool {
		if !m.Matches(tag) {
			return false // what matches comes first
		}
		for _, seq := range seqs {
			f(seq)
		}
		return true
	}))
}

// applyDelete deletes what the entry says of what is live by now.
func (r *Registry) applyDelete(t *topic, e *entry) error {
	if e.match == nil {
		e.deleted = r.advance(t, e.last+1)
		return nil
	}
	set := e.matched
	if set == nil {
		set = &seqSet{}
		t.tags.find(e.match, t.earliest(), e.last, set.add)
		if err := matching(t.history.extents, e.match, t.earliest(), e.last, set); err != nil {
			return fmt.Errorf("topics: replaying a delete on topic id %d: %w", t.id, err)
		}
	}
	set.removeRange(0, t.earliest()-1)
	set.subtract(t.deleted)
	if set.empty() {
		return nil
	}
	e.deleted = t.history.sizes(set)
	e.deleted.Add(t.index.sums(set))
	r.grow(t, record.Size{Records: -e.deleted.Records, Bytes: -e.deleted.Bytes})
	if t.deleted == nil {
		t.deleted = &seqSet{}
	}
	t.deleted.unite(set)
	r.settleFront(t)
	r.totals.ephemeral.Add(-int64(t.index.reclaim(set, t.deleted)))
	t.tags.reclaim(set, t.deleted)
	return nil
}
