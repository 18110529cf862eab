package topics

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"pgregory.net/rapid"
)

// nearEdges draws a seq near where bitmaps and their containers end.
func nearEdges(t *rapid.T, label string) uint64 {
	base := rapid.SampledFrom([]uint64{0, 1 << 16, 1 << 32, 2<<32 - 8, 5 << 32, 1<<63 - 4}).Draw(t, label+" near")
	return base + rapid.Uint64Range(0, 12).Draw(t, label)
}

func drawSet(t *rapid.T, label string) (*seqSet, map[uint64]bool) {
	s, m := &seqSet{}, map[uint64]bool{}
	for range rapid.IntRange(0, 20).Draw(t, label) {
		first := nearEdges(t, label)
		for seq := first; seq <= first+rapid.SampledFrom([]uint64{0, 0, 3, 20}).Draw(t, "run"); seq++ {
			s.add(seq)
			m[seq] = true
		}
	}
	return s, m
}

// addRange adds the seqs of [from, to), which are in one part.
func addRange(s *seqSet, from, to uint64) {
	s.add(from)
	high, low := split(from)
	i, _ := s.at(high)
	s.parts[i].bits.AddRange(uint64(low), uint64(low)+to-from)
}

// TestSeqSetRuns holds next, absent and count across runs of every length,
// packed and not, wherever the bitmaps' containers end.
func TestSeqSetRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &seqSet{}
		base := rapid.SampledFrom([]uint64{0, 7 << 32}).Draw(t, "base")
		type span struct{ from, to uint64 }
		var spans []span
		at := base
		for range rapid.IntRange(1, 6).Draw(t, "runs") {
			edge := (at>>16 + 1) << 16
			from := rapid.SampledFrom([]uint64{at + 1, at + 100, edge - 1, edge, edge + 1, edge + 1<<17}).Draw(t, "from")
			from = max(from, at+1)
			edge = (from>>16 + 1) << 16
			to := rapid.SampledFrom([]uint64{from + 1, from + 5000, edge - 1, edge, edge + 1, edge + 1<<16, edge + 3<<16 + 9}).Draw(t, "to")
			to = max(to, from+1)
			addRange(s, from, to)
			spans, at = append(spans, span{from, to}), to
		}
		if rapid.Bool().Draw(t, "packed") {
			if _, err := s.append(nil); err != nil {
				t.Fatal(err)
			}
		}
		n := uint64(0)
		for i, r := range spans {
			n += r.to - r.from
			for _, seq := range []uint64{r.from, (r.from + r.to) / 2, r.to - 1} {
				if got := s.absent(seq); got != r.to {
					t.Fatalf("%v: absent from %d: %d", spans, seq, got)
				}
			}
			if got, ok := s.next(r.from - 1); !ok || got != r.from {
				t.Fatalf("%v: next of %d: %d", spans, r.from-1, got)
			}
			got, ok := s.next(r.to)
			if last := i == len(spans)-1; ok == last || !last && got != spans[i+1].from {
				t.Fatalf("%v: next of %d: %d", spans, r.to, got)
			}
			if s.absent(r.to) != r.to || s.has(r.to) || s.count(0, r.to) != n {
				t.Fatalf("%v: %d is in it, or %d are below", spans, r.to, s.count(0, r.to))
			}
		}
	})
}

func listed(s *seqSet) (out []uint64) {
	s.each(0, math.MaxUint64, func(seq uint64) bool { out = append(out, seq); return true })
	return out
}

// TestSeqSetAgainstAMap holds every operation against a map.
func TestSeqSetAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m := drawSet(t, "set")
		o, om := drawSet(t, "other")
		before := listed(s.clone())
		from, to := nearEdges(t, "from"), nearEdges(t, "to")
		clone := s.clone()
		switch rapid.SampledFrom([]string{"", "unite", "subtract", "remove"}).Draw(t, "operation") {
		case "unite":
			s.unite(o)
			maps.Copy(m, om)
		case "subtract":
			s.subtract(o)
			maps.DeleteFunc(m, func(seq uint64, _ bool) bool { return om[seq] })
		case "remove":
			s.removeRange(from, to)
			maps.DeleteFunc(m, func(seq uint64, _ bool) bool { return seq >= from && seq <= to })
		}
		want := slices.Sorted(maps.Keys(m))
		if got := listed(s); !slices.Equal(got, want) || s.empty() != (len(want) == 0) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if !slices.Equal(listed(clone), before) || !slices.Equal(listed(o), slices.Sorted(maps.Keys(om))) {
			t.Fatal("an operation changed another set")
		}
		checkSeqSet(t, s, want, from, to)
		if o.unite(s); len(listed(o)) < len(want) { // the two must not share
			t.Fatal(o)
		}
		o.removeRange(0, math.MaxUint64)
		if !slices.Equal(listed(s), want) {
			t.Fatal("sets share their bits")
		}
		b, err := s.append(nil)
		d := record.NewDecoder(b)
		if back := decodeSeqSet(&d); err != nil || d.Failed() || d.Left() > 0 || !slices.Equal(listed(back), want) {
			t.Fatalf("decoded %v of %v, %v", listed(back), want, err)
		}
	})
}

func checkSeqSet(t *rapid.T, s *seqSet, want []uint64, from, to uint64) {
	i, has := slices.BinarySearch(want, from)
	next, ok := s.next(from)
	if s.has(from) != has || ok != (i < len(want)) || ok && next != want[i] {
		t.Fatalf("next of %d in %v: %d, %v", from, want, next, ok)
	}
	absent := from
	for slices.Contains(want, absent) {
		absent++
	}
	if got := s.absent(from); got != absent {
		t.Fatalf("absent from %d in %v: %d, want %d", from, want, got, absent)
	}
	var in []uint64
	for _, seq := range want {
		if seq >= from && seq <= to {
			in = append(in, seq)
		}
	}
	var got []uint64
	s.each(from, to, func(seq uint64) bool { got = append(got, seq); return true })
	if !slices.Equal(got, in) || from <= to && (s.count(from, to) != uint64(len(in)) || s.any(from, to) != (len(in) > 0)) {
		t.Fatalf("[%d, %d] of %v: %v, %d of them", from, to, want, got, s.count(from, to))
	}
}

// TestNilSeqSet holds that no set at all reads as an empty one.
func TestNilSeqSet(t *testing.T) {
	var s *seqSet
	if s.has(0) || s.any(0, math.MaxUint64) || s.count(0, math.MaxUint64) != 0 || s.absent(7) != 7 || !s.empty() || s.clone() != nil || listed(s) != nil {
		t.Fatal("a nil set holds something")
	}
	s.removeRange(0, math.MaxUint64)
	if b, err := s.append(nil); err != nil || len(b) != 1 {
		t.Fatal(b, err)
	}
}

// TestWindow holds that a window has what its set has between its ends.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := drawSet(t, "set")
		from := nearEdges(t, "from")
		below := from + rapid.Uint64Range(0, 200).Draw(t, "width")
		w := s.window(from, below)
		for seq := max(from, 3) - 3; seq < below; seq++ {
			if want := seq >= from && s.has(seq); w.has(seq) != want {
				t.Fatalf("%d of [%d, %d): %v", seq, from, below, !want)
			}
		}
		var none *seqWindow
		if none.has(from) || w.has(below+64) || w.has(math.MaxUint64) {
			t.Fatal("a window has what lies outside")
		}
	})
}

func FuzzSeqSet(f *testing.F) {
	s := &seqSet{}
	for _, seq := range []uint64{1, 2, 3, 70_000, 1 << 40} {
		s.add(seq)
	}
	b, _ := s.append(nil)
	f.Add(b)
	f.Add([]byte{1, 0, 8, 0x3b, 0x30, 0, 0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := record.NewDecoder(b)
		s := decodeSeqSet(&d)
		if d.Failed() {
			return
		}
		n := 0
		s.each(0, math.MaxUint64, func(seq uint64) bool { n++; return s.has(seq) && n < 1000 })
		again, err := s.append(nil)
		d = record.NewDecoder(again)
		if back := decodeSeqSet(&d); err != nil || d.Failed() || back.count(0, math.MaxUint64) != s.count(0, math.MaxUint64) {
			t.Fatalf("%v does not come back: %v", s, err)
		}
	})
}
