package topics

import (
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

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
