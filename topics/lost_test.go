package topics

import (
	"slices"
	"testing"
)

// Lost ranges are one where they adjoin and say the same, and only there.
func TestLostRangesJoin(t *testing.T) {
	x := &topic{}
	for _, l := range []lostRange{
		{1, 2, ReasonTrim, "\x01", 0}, {3, 3, ReasonTrim, "\x01", 0},
		{4, 4, ReasonTrim, "\x02", 0}, {5, 5, ReasonCrash, "", 1},
		{6, 6, ReasonCorrupt, "", 0},
		{8, 8, ReasonCorrupt, "", 1}, {9, 9, ReasonCorrupt, "", 2},
	} {
		x.applyLost(l)
	}
	want := []lostRange{
		{1, 3, ReasonTrim, "\x01", 0}, {4, 4, ReasonTrim, "\x02", 0}, {5, 5, ReasonCrash, "", 1},
		{6, 6, ReasonCorrupt, "", 0}, {8, 9, ReasonCorrupt, "", 3},
	}
	if !slices.Equal(x.lost.ranges, want) || x.head != 9 || x.assigned != 9 {
		t.Errorf("%+v, head %d, assigned %d", x.lost.ranges, x.head, x.assigned)
	}
}

// TestLostRangesApart checks that ranges that go on are one, that cutting and dropping
// keep what is known of them, and how many seqs of a stretch were given out.
func TestLostRangesApart(t *testing.T) {
	var s lostRanges
	for _, l := range []lostRange{
		{from: 3, to: 5, reason: ReasonCrash, given: 1},
		{from: 6, to: 9, reason: ReasonCrash, given: 4},
		{from: 10, to: 11, reason: ReasonTrim, path: "x", given: 2},
		{from: 12, to: 12, reason: ReasonTrim, path: "y", given: 1},
		{from: 20, to: 29, reason: ReasonCrash},
	} {
		s.add(l)
	}
	want := []lostRange{
		{from: 3, to: 9, reason: ReasonCrash, given: 5},
		{from: 10, to: 11, reason: ReasonTrim, path: "x", given: 2},
		{from: 12, to: 12, reason: ReasonTrim, path: "y", given: 1},
		{from: 20, to: 29, reason: ReasonCrash},
	}
	if !slices.Equal(s.ranges, want) {
		t.Fatalf("%+v", s.ranges)
	}
	for _, c := range []struct{ from, to, given uint64 }{{1, 30, 18}, {3, 9, 5}, {13, 19, 7}, {20, 29, 0}, {25, 35, 6}} {
		if got := s.given(c.from, c.to); got != c.given {
			t.Errorf("%d seqs of %d to %d were given out, want %d", got, c.from, c.to, c.given)
		}
	}
	below := s.below(6)
	if len(below) != 1 || below[0].from != 3 || below[0].to != 5 || below[0].given != 1 || !slices.Equal(s.ranges, want) {
		t.Errorf("below 6: %+v", below)
	}
	if l, ok := s.from(13); !ok || l != want[3] {
		t.Errorf("from 13: %+v", l)
	}
	s.insert(lostRange{from: 15, to: 16, reason: ReasonCorrupt})
	if s.ranges[3].from != 15 || s.ranges[4].from != 20 {
		t.Errorf("%+v", s.ranges)
	}
	s.dropBelow(12)
	if len(s.ranges) != 3 || s.doubt != 9 {
		t.Errorf("above 12: %+v, in doubt up to %d", s.ranges, s.doubt)
	}
	if got := s.given(1, 12); got != 3 {
		t.Errorf("%d seqs up to 12 were given out", got)
	}
	if _, ok := s.from(30); ok {
		t.Error("a range above all others")
	}
}
