package topics

import (
	"context"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
)

// history says where a topic's records are that have left the log: in extents
// of segments, oldest first, all below the seqs of the index. The topic's
// lock guards it. Elements of extents are never changed in place, so that a
// reader may keep the slice without the lock.
type history struct {
	extents []extent
	seq     uint64 // the first live record; 0: there is none
	ts      int64  // its timestamp
	// ahead are the columns of the records from seq on, or of none: they are
	// read from the segment's index when somebody evicts or deletes.
	ahead []column
	// damaged counts pages that could not be read; what they would have said
	// was estimated.
	damaged int
}

// extent is a run of a topic's records in one segment.
type extent struct {
	seg *segment.Segment
	at  segment.Extent
}

// column is what is kept of a record besides its bytes.
type column struct {
	seq  uint64
	ts   int64
	size uint32
}

// columnsAhead is how many columns are read at once: enough to spread the cost
// of finding a page, few enough for thousands of topics that evict.
const columnsAhead = 64

// seek moves the front to the first live record at or above from.
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
				h.seq, h.ts = e.First, e.FirstTS // no need to look into its page
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

// drop forgets the extents that lie wholly before from.
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

func (e *extent) column(p *segment.Page, i int) column {
	return column{e.at.First + uint64(p.Seq[i]), e.at.FirstTS + int64(p.TS[i]), p.Size[i]}
}

// estimate stands in for columns that are damaged: every seq is there, of the
// average size, and as young as the youngest. Counting goes on, and no record
// is taken for expired before its time; the damage itself is told by every
// read that meets it.
func (e *extent) estimate(from uint64) []column {
	out := make([]column, 0, columnsAhead)
	for seq := from; seq <= e.at.Last && len(out) < columnsAhead; seq++ {
		out = append(out, column{seq, e.at.LastTS, uint32(e.at.Bytes / uint64(max(e.at.Count, 1)))})
	}
	return out
}

// size is the payload size of the first live record.
func (h *history) size() int64 {
	if len(h.ahead) == 0 || h.ahead[0].seq != h.seq {
		h.drop(h.seq)
		h.ahead = h.read(h.seq)
	}
	return int64(h.ahead[0].size)
}

// whole returns the first extent if the front stands at its beginning, all of
// it lies below the seq, and none of its records is dead: it can be dropped in
// one step.
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

// sizes sums the records of set that are in segments. Those below the front
// and the dead must not be in it.
func (h *history) sizes(set *seqSet) (sum record.Size) {
	for i := range h.extents {
		e := &h.extents[i]
		if !set.any(e.at.First, e.at.Last) {
			continue
		}
		page, err := e.seg.Page(context.Background(), &e.at)
		if err != nil {
			h.damaged++
			set.each(e.at.First, e.at.Last, func(uint64) bool {
				sum.Add(record.Size{Records: 1, Bytes: int64(e.at.Bytes / uint64(max(e.at.Count, 1)))})
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

// from returns the extents from the one that holds seq on, or would.
func (h *history) from(seq uint64) []extent {
	i := sort.Search(len(h.extents), func(i int) bool { return h.extents[i].at.Last >= seq })
	return h.extents[i:]
}

// last is the highest seq that is in a segment; 0: none.
func (h *history) last() uint64 {
	if n := len(h.extents); n > 0 {
		return h.extents[n-1].at.Last
	}
	return 0
}

// replace puts extents in the place of those that are in one of the segments
// gone. The front stays: what is live is in the new ones, too.
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
