package entry

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
)

// TestDedupedRuns checks that records which follow one another, and have seqs that do, are one
// run, and that runs come back as they were packed.
func TestDedupedRuns(t *testing.T) {
	var runs DedupedRuns
	for _, add := range []struct {
		before int
		seq    uint64
	}{{0, 7}, {0, 8}, {1, 9}, {0, 10}, {0, 3}, {0, 3}, {5, math.MaxUint64 - 1}} {
		runs.Add(add.before, add.seq)
	}
	want := DedupedRuns{{0, 2, 7}, {1, 2, 9}, {0, 1, 3}, {0, 1, 3}, {5, 1, math.MaxUint64 - 1}}
	if !reflect.DeepEqual(runs, want) {
		t.Fatalf("%+v", runs)
	}
	if got := runs.Pack().Runs(); !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v", got)
	}
}

// TestDedupedSizes checks that no run takes more than the room for it, and that many
// records of one run take no more than one.
func TestDedupedSizes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		n := 1 + random.IntN(20)
		var runs DedupedRuns
		for range n {
			runs.Add(random.IntN(2)*random.IntN(maxCount/20), 1+random.Uint64N(1<<random.IntN(63)))
		}
		if got := len(runs.Pack().Packed()); got > n*DedupedRunBytes {
			t.Fatalf("%+v take %d bytes", runs, got)
		}
	}
	var runs DedupedRuns
	for i := range uint64(10_000) {
		runs.Add(0, 1<<40+i)
	}
	if got := len(runs.Pack().Packed()); got > DedupedRunBytes {
		t.Fatalf("%d bytes for one run", got)
	}
}

// TestParseDeduped checks that what does not fit the write is refused.
func TestParseDeduped(t *testing.T) {
	const first, count = 10, 3
	for _, tc := range []struct {
		name string
		runs DedupedRuns
		fits bool
	}{
		{"all before", DedupedRuns{{0, 9, 1}}, true},
		{"of the write itself", DedupedRuns{{3, 3, 10}}, true},
		{"each apart", DedupedRuns{{1, 1, 4}, {1, 1, 3}, {1, 1, 2}}, true},
		{"nothing", nil, false},
		{"an empty run", DedupedRuns{{0, 0, 4}}, false},
		{"seq 0", DedupedRuns{{0, 1, 0}}, false},
		{"a seq that is not there yet", DedupedRuns{{0, 1, 13}}, false},
		{"up to one that is not there yet", DedupedRuns{{0, 4, 10}}, false},
		{"more before than were appended", DedupedRuns{{4, 1, 1}}, false},
		{"more before in all", DedupedRuns{{2, 1, 1}, {2, 1, 1}}, false},
		{"more records than a write has", DedupedRuns{{0, maxCount + 1, 1}}, false},
	} {
		packed := tc.runs.Pack().Packed()
		d, ok := ParseDeduped(packed, first, count)
		if ok != tc.fits || ok && !reflect.DeepEqual(d.Runs(), tc.runs) {
			t.Errorf("%s: %v", tc.name, ok)
		}
		if tc.fits && len(packed) > 0 {
			_, ok = ParseDeduped(packed[:len(packed)-1], first, count)
			if ok {
				t.Errorf("%s: a part of it is taken", tc.name)
			}
		}
	}
	long := DedupedRuns{{0, maxCount - 1, 1}, {0, 2, 1}}.Pack().Packed()
	if _, ok := ParseDeduped(long, math.MaxUint64-3, 3); ok {
		t.Error("two runs have more records than a write")
	}
	if _, ok := ParseDeduped(long, math.MaxUint64, 3); ok {
		t.Error("there are seqs after the last one")
	}
}

// TestUnfitAppends checks that an entry is refused that says of its write what cannot be.
func TestUnfitAppends(t *testing.T) {
	cfg := record.DefaultConfig()
	one := DedupedRuns{{0, 1, 1}}.Pack()
	recs := record.AppendRecord(nil, &record.Record{Data: []byte("1")})
	for name, e := range map[string]*Append{
		"no records":                         {ID: 3, First: 9, Key: []byte("k")},
		"deduped, and no key":                {ID: 3, First: 9, Deduped: one},
		"records beside all deduped":         {ID: 3, First: 9, Key: []byte("k"), Deduped: one, Records: recs},
		"all deduped in a topic it makes":    {ID: 3, First: 9, Key: []byte("k"), Deduped: one, Creation: Creation{"a", Setting{Config: &cfg}}},
		"deduped against what is to come":    {ID: 3, First: 1, Key: []byte("k"), Deduped: one},
		"deduped is empty":                   {ID: 3, First: 9, Key: []byte("k"), Deduped: &Deduped{}},
		"no seq, and nothing that was asked": {ID: 3, Key: []byte("k"), Deduped: one},
	} {
		got, err := Decode(byte(TypeAppend), encoded(t, e))
		if err == nil {
			t.Errorf("%s: decoded as %+v", name, got)
		}
	}
}
