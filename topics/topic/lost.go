package topic

import (
	"cmp"
	"slices"
	"sort"
)

// LostRange is a run of seqs that were given out and can never be read.
type LostRange struct {
	From, To uint64 // inclusive
	Reason   string
	Path     string // ReasonTrim: of the records that are lost, as a record's path
	Given    uint64 // how many of them are known to have been given out
}

func (l *LostRange) size() uint64 { return l.To - l.From + 1 }

// joins reports whether the range goes on where before ends.
func (l *LostRange) joins(before *LostRange) bool {
	return before.To+1 == l.From && before.Reason == l.Reason && before.Path == l.Path
}

// lostRanges are the lost seqs of a topic that end above its low watermark. They
// are in order and do not overlap.
type lostRanges struct {
	Ranges []LostRange
	// doubt is the highest seq below the low watermark of a range of which not
	// all seqs had been given out.
	doubt uint64
}

// add adds a range above all others.
func (s *lostRanges) add(l LostRange) {
	n := len(s.Ranges)
	if n > 0 && l.joins(&s.Ranges[n-1]) {
		s.Ranges[n-1].To = l.To
		s.Ranges[n-1].Given += l.Given
		return
	}
	s.Ranges = append(s.Ranges, l)
}

// Insert adds a range in its place among the others.
func (s *lostRanges) Insert(l LostRange) {
	s.add(l)
	slices.SortFunc(s.Ranges, func(a, b LostRange) int { return cmp.Compare(a.From, b.From) })
}

// dropBelow drops the ranges below the low watermark, whose own tombstone covers
// them.
func (s *lostRanges) dropBelow(low uint64) {
	n := 0
	for n < len(s.Ranges) && s.Ranges[n].To < low {
		l := &s.Ranges[n]
		if l.Given < l.size() {
			s.doubt = l.To
		}
		n++
	}
	s.Ranges = s.Ranges[n:]
}

// search returns the number of the first range that ends at seq or later.
func (s *lostRanges) search(seq uint64) int {
	return sort.Search(len(s.Ranges), func(i int) bool { return s.Ranges[i].To >= seq })
}

// From returns the first range that ends at seq or later.
func (s *lostRanges) From(seq uint64) (LostRange, bool) {
	i := s.search(seq)
	if i == len(s.Ranges) {
		return LostRange{}, false
	}
	return s.Ranges[i], true
}

// below returns copies of the ranges, cut off at seq.
func (s *lostRanges) below(seq uint64) []LostRange {
	kept := make([]LostRange, 0, len(s.Ranges)+1)
	for _, l := range s.Ranges {
		if l.To >= seq {
			l.Given -= min(l.Given, l.To-seq+1) // those from seq on may be the ones that are known
			l.To = seq - 1
		}
		if l.From <= l.To {
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
	for i := s.search(from); i < len(s.Ranges) && s.Ranges[i].From <= to; i++ {
		l := &s.Ranges[i]
		inside := min(l.To, to) - max(l.From, from) + 1
		outside := l.size() - inside
		n -= inside - (l.Given - min(l.Given, outside)) // those outside may be the ones that are known
	}
	return n
}
