package topics

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
)

// history locates the records of a topic that have left the log: they are in
// extents of segments. All of them have lower seqs than those of the index.
//
// The zero history is empty. The topic's lock guards it. The elements of extents
// are never changed in place, so a reader may keep the slice without the lock.
type history struct {
	extents []extent // oldest first
	seq     uint64   // the first live record, 0 if there is none
	ts      int64    // its timestamp
	// ahead holds columns of the records from seq on, or none. They are read
	// from the segment's index when records are evicted or deleted.
	ahead []column
	// damaged counts pages that could not be read since the last takeDamaged.
	// Their columns were estimated.
	damaged int
}

// extent is a run of a topic's records in one segment.
type extent struct {
	seg *segment.Segment
	at  segment.Extent
}

// column is what a segment's index stores of a record.
type column struct {
	seq  uint64
	ts   int64
	size uint32 // payload bytes
}

// columnsAhead is the number of columns that are read at once: enough to spread
// the cost of finding a page, few enough for thousands of topics that evict.
const columnsAhead = 64

// newHistory returns a history whose first live record is seq, or an empty one
// if seq is 0. Its extents are added by attach.
func newHistory(seq uint64, ts int64) history { return history{seq: seq, ts: ts} }

// attach sets the extents, except those that end before the first live record.
// It reports whether any is left.
func (h *history) attach(extents []extent) bool {
	h.extents = extents
	h.drop(h.seq)
	return len(h.extents) > 0
}

// restart makes seq the first live record, or empties the history if seq is 0.
func (h *history) restart(seq uint64, ts int64) {
	h.seq, h.ts, h.ahead = seq, ts, nil
	if seq == 0 {
		h.extents = nil
	}
	h.drop(seq)
}

// begin makes seq the first live record if the history has none.
func (h *history) begin(seq uint64, ts int64) {
	if h.seq == 0 {
		h.seq, h.ts = seq, ts
	}
}

// append adds extents at the end, unless the history has no live record: then
// the extents have none either.
func (h *history) append(extents []extent) {
	if h.seq == 0 {
		return
	}
	h.extents = append(slices.Clip(h.extents), extents...) // readers may share the array
	h.drop(h.seq)
}

// empty reports whether the history has no live record.
func (h *history) empty() bool { return h.seq == 0 }

// front returns the seq and the timestamp of the first live record, if there is
// one.
func (h *history) front() (seq uint64, ts int64, ok bool) { return h.seq, h.ts, h.seq > 0 }

// seek makes the first live record at or above from the front. dead is the set
// of deleted seqs.
func (h *history) seek(from uint64, dead *seqSet) {
	for h.seq > 0 {
		from = dead.absent(from)
		for len(h.ahead) > 0 && h.ahead[0].seq < from {
			h.ahead = h.ahead[1:]
		}
		if len(h.ahead) == 0 {
			h.drop(from)
			if len(h.extents) == 0 {
				h.seq, h.ts, h.extents, h.ahead = 0, 0, nil, nil
				return
			}
			if e := &h.extents[0].at; e.First >= from && !dead.has(e.First) {
				h.seq, h.ts = e.First, e.FirstTS // its page need not be read
				return
			}
			h.ahead = h.read(from)
			continue
		}
		c := h.ahead[0]
		if !dead.has(c.seq) {
			h.seq, h.ts = c.seq, c.ts
			return
		}
		from = c.seq + 1
	}
}

// skip drops the front extent, which whole has returned.
func (h *history) skip(whole *segment.Extent, dead *seqSet) {
	h.ahead = nil
	h.seek(whole.Last+1, dead)
}

// drop removes the extents that end before from.
func (h *history) drop(from uint64) {
	n := 0
	for n < len(h.extents) && h.extents[n].at.Last < from {
		n++
	}
	h.extents = h.extents[n:]
}

// read returns columns from the first extent, which ends at or above from.
func (h *history) read(from uint64) []column {
	e := &h.extents[0]
	from = max(from, e.at.First)
	page, err := e.seg.Page(context.Background(), &e.at)
	if err != nil {
		h.damaged++
		return e.estimate(from)
	}
	i := page.Find(&e.at, from)
	out := make([]column, 0, min(columnsAhead, len(page.Seq)-i))
	for ; i < len(page.Seq) && len(out) < columnsAhead; i++ {
		out = append(out, e.column(page, i))
	}
	return out
}

// column returns the i-th column of the extent's page.
func (e *extent) column(p *segment.Page, i int) column {
	return column{e.at.First + uint64(p.Seq[i]), e.at.FirstTS + int64(p.TS[i]), p.Size[i]}
}

// estimate returns columns in place of those of a damaged page: every seq is
// present, has the average size and the extent's last timestamp. So counting
// can go on, and no record expires too early. Reads report the damage itself.
func (e *extent) estimate(from uint64) []column {
	out := make([]column, 0, columnsAhead)
	for seq := from; seq <= e.at.Last && len(out) < columnsAhead; seq++ {
		out = append(out, column{seq, e.at.LastTS, uint32(e.meanSize())})
	}
	return out
}

// meanSize returns the average payload size of the extent's records.
func (e *extent) meanSize() int64 { return int64(e.at.Bytes / uint64(max(e.at.Count, 1))) }

// size returns the payload size of the first live record.
func (h *history) size() int64 {
	if len(h.ahead) == 0 || h.ahead[0].seq != h.seq {
		h.drop(h.seq)
		h.ahead = h.read(h.seq)
	}
	return int64(h.ahead[0].size)
}

// whole returns the first extent if it can be dropped in one step: the front is
// its first record, it ends below the seq below, and none of its records is
// dead. Otherwise it returns nil.
func (h *history) whole(below uint64, dead *seqSet) *segment.Extent {
	if len(h.extents) == 0 {
		return nil
	}
	h.drop(h.seq)
	if e := &h.extents[0].at; h.seq == e.First && e.Last < below && !dead.any(e.First, e.Last) {
		return e
	}
	return nil
}

// sum returns the total size of the records of set that are in segments. The set
// must not have seqs below the front, nor deleted ones.
func (h *history) sum(set *seqSet) (sum record.Size) {
	for i := range h.extents {
		e := &h.extents[i]
		if !set.any(e.at.First, e.at.Last) {
			continue
		}
		page, err := e.seg.Page(context.Background(), &e.at)
		if err != nil {
			h.damaged++
			set.each(e.at.First, e.at.Last, func(uint64) bool {
				sum.Add(record.Size{Records: 1, Bytes: e.meanSize()})
				return true
			})
			continue
		}
		n := 0
		set.each(e.at.First, e.at.Last, func(seq uint64) bool {
			for n < len(page.Seq) && e.at.First+uint64(page.Seq[n]) < seq {
				n++
			}
			if n < len(page.Seq) && e.at.First+uint64(page.Seq[n]) == seq {
				sum.Add(record.Size{Records: 1, Bytes: int64(page.Size[n])})
			}
			return n < len(page.Seq)
		})
	}
	return sum
}

// scan calls f with the columns of the records from the front up to the seq
// through, dead ones included. It passes over pages that are damaged, and
// returns the first error of another kind.
func (h *history) scan(through uint64, f func(c column)) error {
	next := h.seq
	for i := range h.extents {
		e := &h.extents[i]
		if e.at.Last < next {
			continue
		}
		page, err := e.seg.Page(context.Background(), &e.at)
		if damage := new(segment.DamageError); errors.As(err, &damage) {
			continue
		}
		if err != nil {
			return err
		}
		for n := page.Find(&e.at, next); n < len(page.Seq); n++ {
			c := e.column(page, n)
			if c.seq > through {
				break
			}
			next = c.seq + 1
			f(c)
		}
	}
	return nil
}

// all returns every extent.
func (h *history) all() []extent { return h.extents }

// from returns the extents that end at or above seq.
func (h *history) from(seq uint64) []extent {
	i := sort.Search(len(h.extents), func(i int) bool { return h.extents[i].at.Last >= seq })
	return h.extents[i:]
}

// last returns the highest seq that is in a segment, or 0 if none is.
func (h *history) last() uint64 {
	if n := len(h.extents); n > 0 {
		return h.extents[n-1].at.Last
	}
	return 0
}

// takeDamaged returns the number of damaged pages found since the last call.
func (h *history) takeDamaged() int {
	n := h.damaged
	h.damaged = 0
	return n
}

// replace replaces the extents of the segments gone by the extents with, in
// their place. The front stays: the live records of gone are also in with.
func (h *history) replace(gone map[*segment.Segment]bool, with []extent) {
	if h.seq == 0 {
		return
	}
	out := make([]extent, 0, len(h.extents)+len(with))
	for _, e := range h.extents {
		if !gone[e.seg] {
			out = append(out, e)
		}
	}
	at := sort.Search(len(out), func(i int) bool { return len(with) > 0 && out[i].at.First > with[0].at.First })
	h.extents = append(out[:at:at], append(with, out[at:]...)...)
	h.drop(h.seq)
}
