package topics

import (
	"slices"
	"testing"
)

// Lost ranges are one where they adjoin and say the same, and only there.
func TestLostRangesJoin(t *testing.T) {
	r, x := New(Options{}), &topic{}
	for _, l := range []lostRange{
		{1, 2, ReasonTrim, "\x01", 0}, {3, 3, ReasonTrim, "\x01", 0},
		{4, 4, ReasonTrim, "\x02", 0}, {5, 5, ReasonCrash, "", 1},
		{6, 6, ReasonCorrupt, "", 0},
		{8, 8, ReasonCorrupt, "", 1}, {9, 9, ReasonCorrupt, "", 2},
	} {
		r.applyLost(x, l)
	}
	want := []lostRange{
		{1, 3, ReasonTrim, "\x01", 0}, {4, 4, ReasonTrim, "\x02", 0}, {5, 5, ReasonCrash, "", 1},
		{6, 6, ReasonCorrupt, "", 0}, {8, 9, ReasonCorrupt, "", 3},
	}
	if !slices.Equal(x.lost, want) || x.head != 9 || x.assigned != 9 {
		t.Errorf("%+v, head %d, assigned %d", x.lost, x.head, x.assigned)
	}
}
