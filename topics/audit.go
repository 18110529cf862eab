package topics

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Fault is a disagreement between a snapshot and the segments.
type Fault struct {
	Topic    string
	ID       uint64
	From, To uint64 // seqs that should be there, inclusive; both 0: not about any
	Cause    string
}

// Audit compares a snapshot with the segments that its checkpoint names, as far as
// those could be opened: that every live record is there, and that the counts
// are right. Records that are missing because of a segment that is damaged or
// not there are reported like any others. What it reports comes in the order
// of the topics' ids. After each topic it calls pace. It returns an
// error if reading or pace fails, or if the snapshot cannot be decoded.
func Audit(state []byte, segs []*segment.Segment, pace func() error, report func(Fault)) error {
	r := New(Options{})
	if err := r.restoreSnapshot(state); err != nil {
		return err
	}
	extents, err := index.ReadTables(segs)
	if err != nil {
		return err
	}
	for _, t := range r.inOrder() {
		t.history.Attach(extents[t.id])
		found, err := t.audit(func(from, to uint64) {
			report(Fault{t.name, t.id, from, to, "no segment has them"})
		})
		if err != nil {
			return err
		}
		if found.whole && found.live != t.live {
			report(Fault{t.name, t.id, 0, 0, fmt.Sprintf("the state counts %d records of %d bytes, the segments have %d of %d",
				t.live.Records, t.live.Bytes, found.live.Records, found.live.Bytes)})
		}
		if err := pace(); err != nil {
			return err
		}
	}
	return nil
}

// inOrder returns the topics by id. Only before Start.
func (r *Registry) inOrder() []*topic {
	all := make([]*topic, 0, len(r.byID))
	for _, t := range r.byID {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *topic) int { return cmp.Compare(a.id, b.id) })
	return all
}

// audited is the result of an audit of a topic.
type audited struct {
	live  record.Size
	first index.Column // the first live record, if there is any
	whole bool         // none is missing
}

// audit counts the live records that t's extents have, and calls missing for
// the ranges of seqs that should be live and are not there, in order. Pages
// that cannot be read are missing. t holds nothing but a checkpoint's state.
func (t *topic) audit(missing func(from, to uint64)) (found audited, err error) {
	found.whole = true
	next, _, ok := t.history.Front()
	if !ok {
		return found, nil
	}
	gap := func(from, to uint64) {
		t.expected(from, to, func(from, to uint64) {
			found.whole = false
			missing(from, to)
		})
	}
	err = t.history.Scan(t.head, func(c index.Column) {
		gap(next, c.Seq-1)
		next = c.Seq + 1
		if t.deleted.Has(c.Seq) {
			return
		}
		if found.live.Records == 0 {
			found.first = c
		}
		found.live.Add(record.Size{Records: 1, Bytes: int64(c.Size)})
	})
	if err != nil {
		return found, err
	}
	gap(next, t.head)
	return found, nil
}

// expected calls yield for the ranges of [from, to] that are neither deleted
// nor lost.
func (t *topic) expected(from, to uint64, yield func(from, to uint64)) {
	for from <= to {
		if from = t.deleted.Absent(from); from > to {
			return
		}
		end := to
		if dead, ok := t.deleted.Next(from); ok {
			end = min(end, dead-1)
		}
		if l, ok := t.lost.from(from); ok && l.from <= end {
			if l.from <= from {
				from = l.to + 1
				continue
			}
			end = l.from - 1
		}
		yield(from, end)
		from = end + 1
	}
}
