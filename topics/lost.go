package topics

import (
	"cmp"
	"slices"
	"sort"
)

// lostRange is a run of seqs that were given out and can never be read.
type lostRange struct {
	from, to uint64 // inclusive
	reason   string
	path     string // ReasonTrim: of the records that are lost, as a record's path
	given    uint64 // how many of them are known to have been given out
}

func (l *lostRange) size() uint64 { return l.to - l.from + 1 }

// joins reports whether the range goes on where before ends.
func (l *lostRange) joins(before *lostRange) bool {
	return before.to+1 == l.from && before.reason == l.reason && before.path == l.path
}

// lostRanges are the lost seqs of a topic that end above its low watermark. They
// are in order and do not overlap.
type lostRanges struct {
	ranges []lostRange
	// doubt is the highest seq below the low watermark of a range of which not
	// all seqs had been given out.
	doubt uint64
}

// add adds a range above all others.
func (s *lostRanges) add(l lostRange) {
	n := len(s.ranges)
	if n > 0 && l.joins(&s.ranges[n-1]) {
		s.ranges[n-1].to = l.to
		s.ranges[n-1].given += l.given
		return
	}
	s.ranges = append(s.ranges, l)
}

// insert adds a range in its place among the others.
func (s *lostRanges) insert(l lostRange) {
	s.add(l)
	slices.SortFunc(s.ranges, func(a, b lostRange) int { return cmp.Compare(a.from, b.from) })
}

// dropBelow drops the ranges below the low watermark, whose own tombstone covers
// them.
func (s *lostRanges) dropBelow(low uint64) {
	n := 0
	for n < len(s.ranges) && s.ranges[n].to < low {
		l := &s.ranges[n]
		if l.given < l.size() {
			s.doubt = l.to
		}
		n++
	}
	s.ranges = s.ranges[n:]
}

// search returns the number of the first range that ends at seq or later.
func (s *lostRanges) search(seq uint64) int {
	return sort.Search(len(s.ranges), func(i int) bool { return s.ranges[i].to >= seq })
}

// from returns the first range that ends at seq or later.
func (s *lostRanges) from(seq uint64) (lostRange, bool) {
	i := s.search(seq)
	if i == len(s.ranges) {
		return lostRange{}, false
	}
	return s.ranges[i], true
}

// below returns copies of the ranges, cut off at seq.
func (s *lostRanges) below(seq uint64) []lostRange {
	kept := make([]lostRange, 0, len(s.ranges)+1)
	for _, l := range s.ranges {
		if l.to >= seq {
			l.given -= min(l.given, l.to-seq+1) // those from seq on may be the ones that are known
			l.to = seq - 1
		}
		if l.from <= l.to {
			kept = append(kept, l)
		}
	}
	return kept
}

// given returns how many seqs of [from, to], which are not above the topic's
// head, are known to have been given out, deleted ones included: all but those
// of lost ranges of which that is not known.
func (s *lostRanges) given(from, to uint64) uint64 {
	from = max(from, s.doubt+1)
	if from > to {
		return 0
	}
	n := to - from + 1
	for i := s.search(from); i < len(s.ranges) && s.ranges[i].from <= to; i++ {
		l := &s.ranges[i]
		inside := min(l.to, to) - max(l.from, from) + 1
		outside := l.size() - inside
		n -= inside - (l.given - min(l.given, outside)) // those outside may be the ones that are known
	}
	return n
}
