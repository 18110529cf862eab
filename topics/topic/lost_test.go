package topic

import (
	"slices"
	"testing"
)

// Lost ranges are one where they adjoin and say the same, and only there.
func TestLostRangesJoin(t *testing.T) {
	x := &Topic{}
	for _, l := range []LostRange{
		{1, 2, ReasonTrim, "\x01", 0}, {3, 3, ReasonTrim, "\x01", 0},
		{4, 4, ReasonTrim, "\x02", 0}, {5, 5, ReasonCrash, "", 1},
		{6, 6, ReasonCorrupt, "", 0},
		{8, 8, ReasonCorrupt, "", 1}, {9, 9, ReasonCorrupt, "", 2},
	} {
		x.ApplyLost(l)
	}
	want := []LostRange{
		{1, 3, ReasonTrim, "\x01", 0}, {4, 4, ReasonTrim, "\x02", 0}, {5, 5, ReasonCrash, "", 1},
		{6, 6, ReasonCorrupt, "", 0}, {8, 9, ReasonCorrupt, "", 3},
	}
	if !slices.Equal(x.Lost.Ranges, want) || x.Head != 9 || x.Assigned != 9 {
		t.Errorf("%+v, head %d, assigned %d", x.Lost.Ranges, x.Head, x.Assigned)
	}
}

// TestLostRangesApart checks that ranges that go on are one, that cutting and dropping
// keep what is known of them, and how many seqs of a stretch were given out.
func TestLostRangesApart(t *testing.T) {
	var s lostRanges
	for _, l := range []LostRange{
		{From: 3, To: 5, Reason: ReasonCrash, Given: 1},
		{From: 6, To: 9, Reason: ReasonCrash, Given: 4},
		{From: 10, To: 11, Reason: ReasonTrim, Path: "x", Given: 2},
		{From: 12, To: 12, Reason: ReasonTrim, Path: "y", Given: 1},
		{From: 20, To: 29, Reason: ReasonCrash},
	} {
		s.add(l)
	}
	want := []LostRange{
		{From: 3, To: 9, Reason: ReasonCrash, Given: 5},
		{From: 10, To: 11, Reason: ReasonTrim, Path: "x", Given: 2},
		{From: 12, To: 12, Reason: ReasonTrim, Path: "y", Given: 1},
		{From: 20, To: 29, Reason: ReasonCrash},
	}
	if !slices.Equal(s.Ranges, want) {
		t.Fatalf("%+v", s.Ranges)
	}
	for _, c := range []struct{ from, to, given uint64 }{{1, 30, 18}, {3, 9, 5}, {13, 19, 7}, {20, 29, 0}, {25, 35, 6}} {
		if got := s.given(c.from, c.to); got != c.given {
			t.Errorf("%d seqs of %d to %d were given out, want %d", got, c.from, c.to, c.given)
		}
	}
	below := s.below(6)
	if len(below) != 1 || below[0].From != 3 || below[0].To != 5 || below[0].Given != 1 || !slices.Equal(s.Ranges, want) {
		t.Errorf("below 6: %+v", below)
	}
	if l, ok := s.From(13); !ok || l != want[3] {
		t.Errorf("from 13: %+v", l)
	}
	s.Insert(LostRange{From: 15, To: 16, Reason: ReasonCorrupt})
	if s.Ranges[3].From != 15 || s.Ranges[4].From != 20 {
		t.Errorf("%+v", s.Ranges)
	}
	s.dropBelow(12)
	if len(s.Ranges) != 3 || s.doubt != 9 {
		t.Errorf("above 12: %+v, in doubt up to %d", s.Ranges, s.doubt)
	}
	if got := s.given(1, 12); got != 3 {
		t.Errorf("%d seqs up to 12 were given out", got)
	}
	if _, ok := s.From(30); ok {
		t.Error("a range above all others")
	}
}
