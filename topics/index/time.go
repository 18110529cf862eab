package index

import (
	"context"
	"sort"
)

// Before returns the highest seq in the log that is known to have a timestamp below ts, live or
// not; 0 if there is none.
func (x *Log) Before(ts int64) uint64 {
	i := sort.Search(len(x.blocks), func(i int) bool { return x.blocks[i].ts >= ts }) - 1
	if i < 0 {
		return 0
	}
	b := x.blocks[i]
	n := sort.Search(len(b.entries), func(i int) bool { return b.ts+int64(b.entries[i].ts) >= ts }) - 1
	f := b.ref(n)
	return f.First + uint64(f.Count) - 1
}

// Before returns the highest seq in segments up to which all timestamps are below ts, 0 if
// there is none. If inside is not nil, more such seqs are in that extent: see
// Extent.Before.
func (h *History) Before(ts int64) (seq uint64, inside *Extent) {
	i := sort.Search(len(h.extents), func(i int) bool { return h.extents[i].At.LastTS >= ts })
	if i > 0 {
		seq = h.extents[i-1].At.Last
	}
	if i < len(h.extents) && h.extents[i].At.FirstTS < ts {
		inside = &h.extents[i]
	}
	return seq, inside
}

// Before returns the highest seq of the extent with a timestamp below ts, which its
// first record has. It may read a page of the segment's index.
func (e *Extent) Before(ctx context.Context, ts int64) (uint64, error) {
	page, err := e.Segment.Page(ctx, &e.At)
	if err != nil {
		return 0, err
	}
	n := sort.Search(len(page.TS), func(i int) bool { return e.At.FirstTS+int64(page.TS[i]) >= ts })
	return e.At.First + uint64(page.Seq[max(n, 1)-1]), nil
}
