package repair

import (
	"cmp"
	"errors"
	"slices"

	"github.com/e6e95bb8/topics/topics/segment"
)

// stretch is the seqs of one topic that a segment has.
type stretch struct {
	in          *segment.Segment
	first, last uint64
}

// orderSegments is used when no manifest lists the segments in use. It drops
// those that a compaction has replaced, and puts the others in an order in which
// the seqs of every topic rise.
func (r *repair) orderSegments() error {
	slices.SortFunc(r.segments, func(a, b *segment.Segment) int { return cmp.Compare(a.ID(), b.ID()) })
	of := map[uint64][]stretch{}
	for _, s := range r.segments {
		err := s.Extents(func(e segment.Extent) error {
			list := of[e.Topic]
			if n := len(list); n > 0 && list[n-1].in == s {
				list[n-1].last = e.Last
				return nil
			}
			of[e.Topic] = append(list, stretch{s, e.First, e.Last})
			return nil
		})
		if err != nil {
			return err
		}
	}
	// A compaction gives its outputs higher ids than all segments before. So of
	// two segments that have the same seqs the one with the lower id was replaced.
	gone := map[*segment.Segment]bool{}
	for _, list := range of {
		slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.first, b.first) })
		for i := range list {
			for j := i + 1; j < len(list) && list[j].first <= list[i].last; j++ {
				older := list[i].in
				if list[j].in.ID() < older.ID() {
					older = list[j].in
				}
				gone[older] = true
			}
		}
	}
	after := map[*segment.Segment]map[*segment.Segment]bool{} // for each segment, those that must be before it
	for _, list := range of {
		var last *segment.Segment
		for _, s := range list {
			if gone[s.in] {
				continue
			}
			if last != nil {
				if after[s.in] == nil {
					after[s.in] = map[*segment.Segment]bool{}
				}
				after[s.in][last] = true
			}
			last = s.in
		}
	}
	var order []*segment.Segment
	for left := r.segments; len(left) > 0; {
		var rest []*segment.Segment
		for _, s := range left {
			switch {
			case gone[s]:
				s.Release()
			case slices.ContainsFunc(left, func(o *segment.Segment) bool { return after[s][o] && !gone[o] }):
				rest = append(rest, s)
			default:
				order = append(order, s)
			}
		}
		if len(rest) == len(left) {
			return errors.New("the segments contradict each other: no order of them is that of the seqs")
		}
		left = rest
	}
	r.segments = order
	return nil
}
