package topic

import (
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// Audited is the result of an audit of a topic.
type Audited struct {
	Live  record.Size
	First index.Column // the first live record, if there is any
	Whole bool         // none is missing
}

// Audit counts the live records that t's extents have, and calls missing for
// the ranges of seqs that should be live and are not there, in order. Pages
// that cannot be read are missing. t holds nothing but a checkpoint's state.
func (t *Topic) Audit(missing func(from, to uint64)) (found Audited, err error) {
	found.Whole = true
	next, _, ok := t.History.Front()
	if !ok {
		return found, nil
	}
	gap := func(from, to uint64) {
		t.expected(from, to, func(from, to uint64) {
			found.Whole = false
			missing(from, to)
		})
	}
	err = t.History.Scan(t.Head, func(c index.Column) {
		gap(next, c.Seq-1)
		next = c.Seq + 1
		if t.Deleted.Has(c.Seq) {
			return
		}
		if found.Live.Records == 0 {
			found.First = c
		}
		found.Live.Add(record.Size{Records: 1, Bytes: int64(c.Size)})
	})
	if err != nil {
		return found, err
	}
	gap(next, t.Head)
	return found, nil
}

// expected calls yield for the ranges of [from, to] that are neither deleted
// nor lost.
func (t *Topic) expected(from, to uint64, yield func(from, to uint64)) {
	for from <= to {
		if from = t.Deleted.Absent(from); from > to {
			return
		}
		end := to
		if dead, ok := t.Deleted.Next(from); ok {
			end = min(end, dead-1)
		}
		if l, ok := t.Lost.From(from); ok && l.From <= end {
			if l.From <= from {
				from = l.To + 1
				continue
			}
			end = l.From - 1
		}
		yield(from, end)
		from = end + 1
	}
}
