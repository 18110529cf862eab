package index

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
)

// History locates the records of a topic that have left the log: they are in
// extents of segments. All of them have lower seqs than those of the index.
//
// The zero History is empty. The topic's lock guards it. The elements of extents
// are never changed in place, so a reader may keep the slice without the lock.
type History struct {
	extents []Extent // oldest first
	seq     uint64   // the first live record, 0 if there is none
	ts      int64    // its timestamp
	// ahead holds columns of the records from seq on, or none. They are read
	// from the segment's index when records are evicted or deleted.
	ahead []Column
	// damaged counts pages that could not be read since the last TakeDamaged.
	// Their columns were estimated.
	damaged int
}

// Extent is a run of a topic's records in one segment.
type Extent struct {
	Segment *segment.Segment
	At      segment.Extent
}

// Column is what a segment's index stores of a record.
type Column struct {
	Seq  uint64
	TS   int64
	Size uint32 // payload bytes
}

// columnsAhead is the number of columns that are read at once: enough to spread
// the cost of finding a page, few enough for thousands of topics that evict.
const columnsAhead = 64

// NewHistory returns a history whose first live record is seq, or an empty one
// if seq is 0. Its extents are added by Attach.
func NewHistory(seq uint64, ts int64) History { return History{seq: seq, ts: ts} }

// Attach sets the extents, except those that end before the first live record.
// It reports whether any is left.
func (h *History) Attach(extents []Extent) bool {
	h.extents = extents
	h.drop(h.seq)
	return len(h.extents) > 0
}

// Restart makes seq the first live record, or empties the history if seq is 0.
func (h *History) Restart(seq uint64, ts int64) {
	h.seq, h.ts, h.ahead = seq, ts, nil
	if seq == 0 {
		h.extents = nil
	}
	h.drop(seq)
}

// Begin makes seq the first live record if the history has none.
func (h *History) Begin(seq uint64, ts int64) {
	if h.seq == 0 {
		h.seq, h.ts = seq, ts
	}
}

// Append adds extents at the end, unless the history has no live record: then
// the extents have none either.
func (h *History) Append(extents []Extent) {
	if h.seq == 0 {
		return
	}
	h.extents = append(slices.Clip(h.extents), extents...) // readers may share the array
	h.drop(h.seq)
}

// Empty reports whether the history has no live record.
func (h *History) Empty() bool { return h.seq == 0 }

// Front returns the seq and the timestamp of the first live record, if there is
// one.
func (h *History) Front() (seq uint64, ts int64, ok bool) { return h.seq, h.ts, h.seq > 0 }

// Seek makes the first live record at or above from the front. dead is the set
// of deleted seqs.
func (h *History) Seek(from uint64, dead *SeqSet) {
	for h.seq > 0 {
		from = dead.Absent(from)
		for len(h.ahead) > 0 && h.ahead[0].Seq < from {
			h.ahead = h.ahead[1:]
		}
		if len(h.ahead) == 0 {
			h.drop(from)
			if len(h.extents) == 0 {
				h.seq, h.ts, h.extents, h.ahead = 0, 0, nil, nil
				return
			}
			if e := &h.extents[0].At; e.First >= from && !dead.Has(e.First) {
				h.seq, h.ts = e.First, e.FirstTS // its page need not be read
				return
			}
			h.ahead = h.read(from)
			continue
		}
		c := h.ahead[0]
		if !dead.Has(c.Seq) {
			h.seq, h.ts = c.Seq, c.TS
			return
		}
		from = c.Seq + 1
	}
}

// Skip drops the front extent, which Whole has returned.
func (h *History) Skip(whole *segment.Extent, dead *SeqSet) {
	h.ahead = nil
	h.Seek(whole.Last+1, dead)
}

// drop removes the extents that end before from.
func (h *History) drop(from uint64) {
	n := 0
	for n < len(h.extents) && h.extents[n].At.Last < from {
		n++
	}
	h.extents = h.extents[n:]
}

// read returns columns from the first extent, which ends at or above from.
func (h *History) read(from uint64) []Column {
	e := &h.extents[0]
	from = max(from, e.At.First)
	page, err := e.Segment.Page(context.Background(), &e.At)
	if err != nil {
		h.damaged++
		return e.estimate(from)
	}
	i := page.Find(&e.At, from)
	out := make([]Column, 0, min(columnsAhead, len(page.Seq)-i))
	for ; i < len(page.Seq) && len(out) < columnsAhead; i++ {
		out = append(out, e.column(page, i))
	}
	return out
}

// column returns the i-th column of the extent's page.
func (e *Extent) column(p *segment.Page, i int) Column {
	return Column{e.At.First + uint64(p.Seq[i]), e.At.FirstTS + int64(p.TS[i]), p.Size[i]}
}

// estimate returns columns in place of those of a damaged page: every seq is
// present, has the average size and the extent's last timestamp. So counting
// can go on, and no record expires too early. Reads report the damage itself.
func (e *Extent) estimate(from uint64) []Column {
	out := make([]Column, 0, columnsAhead)
	for seq := from; seq <= e.At.Last && len(out) < columnsAhead; seq++ {
		out = append(out, Column{seq, e.At.LastTS, uint32(e.meanSize())})
	}
	return out
}

// meanSize returns the average payload size of the extent's records.
func (e *Extent) meanSize() int64 { return int64(e.At.Bytes / uint64(max(e.At.Count, 1))) }

// Column returns the column of a seq, which is live; false if it is in no
// segment. That of a damaged page is estimated.
func (h *History) Column(seq uint64) (Column, bool) {
	rest := h.From(seq)
	if len(rest) == 0 || rest[0].At.First > seq {
		return Column{}, false
	}
	e := &rest[0]
	page, err := e.Segment.Page(context.Background(), &e.At)
	if err != nil {
		h.damaged++
		return e.estimate(seq)[0], true
	}
	i := page.Find(&e.At, seq)
	if i == len(page.Seq) || e.column(page, i).Seq != seq {
		return Column{}, false
	}
	return e.column(page, i), true
}

// Size returns the payload size of the first live record.
func (h *History) Size() int64 {
	if len(h.ahead) == 0 || h.ahead[0].Seq != h.seq {
		h.drop(h.seq)
		h.ahead = h.read(h.seq)
	}
	return int64(h.ahead[0].Size)
}

// Whole returns the first extent if it can be dropped in one step: the front is
// its first record, it ends below the seq below, and none of its records is
// dead. Otherwise it returns nil.
func (h *History) Whole(below uint64, dead *SeqSet) *segment.Extent {
	if len(h.extents) == 0 {
		return nil
	}
	h.drop(h.seq)
	if e := &h.extents[0].At; h.seq == e.First && e.Last < below && !dead.Any(e.First, e.Last) {
		return e
	}
	return nil
}

// Sum returns the total size of the records of set that are in segments. The set
// must not have seqs below the front, nor deleted ones.
func (h *History) Sum(set *SeqSet) (sum record.Size) {
	for i := range h.extents {
		e := &h.extents[i]
		if !set.Any(e.At.First, e.At.Last) {
			continue
		}
		if set.all(e.At.First, e.At.Last) {
			sum.Add(record.Size{Records: int64(e.At.Count), Bytes: int64(e.At.Bytes)})
			continue
		}
		page, err := e.Segment.Page(context.Background(), &e.At)
		if err != nil {
			h.damaged++
			set.Each(e.At.First, e.At.Last, func(uint64) bool {
				sum.Add(record.Size{Records: 1, Bytes: e.meanSize()})
				return true
			})
			continue
		}
		n := 0
		set.Each(e.At.First, e.At.Last, func(seq uint64) bool {
			for n < len(page.Seq) && e.At.First+uint64(page.Seq[n]) < seq {
				n++
			}
			if n < len(page.Seq) && e.At.First+uint64(page.Seq[n]) == seq {
				sum.Add(record.Size{Records: 1, Bytes: int64(page.Size[n])})
			}
			return n < len(page.Seq)
		})
	}
	return sum
}

// Scan calls f with the columns of the records from the front up to the seq
// through, dead ones included. It passes over pages that are damaged, and
// returns the first error of another kind.
func (h *History) Scan(through uint64, f func(c Column)) error {
	next := h.seq
	for i := range h.extents {
		e := &h.extents[i]
		if e.At.Last < next {
			continue
		}
		page, err := e.Segment.Page(context.Background(), &e.At)
		if damage := new(segment.DamageError); errors.As(err, &damage) {
			continue
		}
		if err != nil {
			return err
		}
		for n := page.Find(&e.At, next); n < len(page.Seq); n++ {
			c := e.column(page, n)
			if c.Seq > through {
				break
			}
			next = c.Seq + 1
			f(c)
		}
	}
	return nil
}

// All returns every extent.
func (h *History) All() []Extent { return h.extents }

// From returns the extents that end at or above seq.
func (h *History) From(seq uint64) []Extent {
	i := sort.Search(len(h.extents), func(i int) bool { return h.extents[i].At.Last >= seq })
	return h.extents[i:]
}

// Last returns the highest seq that is in a segment, or 0 if none is.
func (h *History) Last() uint64 {
	if n := len(h.extents); n > 0 {
		return h.extents[n-1].At.Last
	}
	return 0
}

// TakeDamaged returns the number of damaged pages found since the last call.
func (h *History) TakeDamaged() int {
	n := h.damaged
	h.damaged = 0
	return n
}

// Replace replaces the extents of the segments gone by the extents with, in
// their place. The front stays: the live records of gone are also in with.
func (h *History) Replace(gone map[*segment.Segment]bool, with []Extent) {
	if h.seq == 0 {
		return
	}
	out := make([]Extent, 0, len(h.extents)+len(with))
	for _, e := range h.extents {
		if !gone[e.Segment] {
			out = append(out, e)
		}
	}
	at := sort.Search(len(out), func(i int) bool { return len(with) > 0 && out[i].At.First > with[0].At.First })
	h.extents = append(out[:at:at], append(with, out[at:]...)...)
	h.drop(h.seq)
}
