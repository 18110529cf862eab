package index

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

func drawSet(t *rapid.T, label string) (*SeqSet, map[uint64]bool) {
	s, m := &SeqSet{}, map[uint64]bool{}
	for range rapid.IntRange(0, 20).Draw(t, label) {
		first := nearEdges(t, label)
		for seq := first; seq <= first+rapid.SampledFrom([]uint64{0, 0, 3, 20}).Draw(t, "run"); seq++ {
			s.Add(seq)
			m[seq] = true
		}
	}
	return s, m
}

// addRange adds the seqs of [from, to), which are in one part.
func addRange(s *SeqSet, from, to uint64) {
	s.Add(from)
	high, low := split(from)
	i, _ := s.at(high)
	s.parts[i].bits.AddRange(uint64(low), uint64(low)+to-from)
}

// TestSeqSetRuns holds next, absent and count across runs of every length,
// packed and not, wherever the bitmaps' containers end.
func TestSeqSetRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &SeqSet{}
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
			if _, err := s.Append(nil); err != nil {
				t.Fatal(err)
			}
		}
		n := uint64(0)
		for i, r := range spans {
			n += r.to - r.from
			for _, seq := range []uint64{r.from, (r.from + r.to) / 2, r.to - 1} {
				if got := s.Absent(seq); got != r.to {
					t.Fatalf("%v: absent from %d: %d", spans, seq, got)
				}
			}
			if got, ok := s.Next(r.from - 1); !ok || got != r.from {
				t.Fatalf("%v: next of %d: %d", spans, r.from-1, got)
			}
			got, ok := s.Next(r.to)
			if last := i == len(spans)-1; ok == last || !last && got != spans[i+1].from {
				t.Fatalf("%v: next of %d: %d", spans, r.to, got)
			}
			if s.Absent(r.to) != r.to || s.Has(r.to) || s.Count(0, r.to) != n {
				t.Fatalf("%v: %d is in it, or %d are below", spans, r.to, s.Count(0, r.to))
			}
		}
	})
}

func listed(s *SeqSet) (out []uint64) {
	s.Each(0, math.MaxUint64, func(seq uint64) bool { out = append(out, seq); return true })
	return out
}

// TestSeqSetAgainstAMap holds every operation against a map.
func TestSeqSetAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m := drawSet(t, "set")
		o, om := drawSet(t, "other")
		before := listed(s.Clone())
		from, to := nearEdges(t, "from"), nearEdges(t, "to")
		clone := s.Clone()
		switch rapid.SampledFrom([]string{"", "unite", "subtract", "remove", "add"}).Draw(t, "operation") {
		case "unite":
			s.Unite(o)
			maps.Copy(m, om)
		case "subtract":
			s.Subtract(o)
			maps.DeleteFunc(m, func(seq uint64, _ bool) bool { return om[seq] })
		case "add":
			to = min(to, from+1<<10) // the map has each of them
			s.AddRange(from, to)
			for seq := from; seq <= to; seq++ {
				m[seq] = true
			}
		case "remove":
			s.RemoveRange(from, to)
			maps.DeleteFunc(m, func(seq uint64, _ bool) bool { return seq >= from && seq <= to })
		}
		want := slices.Sorted(maps.Keys(m))
		if got := listed(s); !slices.Equal(got, want) || s.Empty() != (len(want) == 0) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if !slices.Equal(listed(clone), before) || !slices.Equal(listed(o), slices.Sorted(maps.Keys(om))) {
			t.Fatal("an operation changed another set")
		}
		checkSeqSet(t, s, want, from, to)
		if o.Unite(s); len(listed(o)) < len(want) { // the two must not share
			t.Fatal(o)
		}
		o.RemoveRange(0, math.MaxUint64)
		if !slices.Equal(listed(s), want) {
			t.Fatal("sets share their bits")
		}
		b, err := s.Append(nil)
		d := record.NewDecoder(b)
		if back := DecodeSeqSet(&d); err != nil || d.Failed() || d.Left() > 0 || !slices.Equal(listed(back), want) {
			t.Fatalf("decoded %v of %v, %v", listed(back), want, err)
		}
	})
}

func checkSeqSet(t *rapid.T, s *SeqSet, want []uint64, from, to uint64) {
	i, has := slices.BinarySearch(want, from)
	next, ok := s.Next(from)
	if s.Has(from) != has || ok != (i < len(want)) || ok && next != want[i] {
		t.Fatalf("next of %d in %v: %d, %v", from, want, next, ok)
	}
	absent := from
	for slices.Contains(want, absent) {
		absent++
	}
	if got := s.Absent(from); got != absent {
		t.Fatalf("absent from %d in %v: %d, want %d", from, want, got, absent)
	}
	var in []uint64
	for _, seq := range want {
		if seq >= from && seq <= to {
			in = append(in, seq)
		}
	}
	var got []uint64
	s.Each(from, to, func(seq uint64) bool { got = append(got, seq); return true })
	if !slices.Equal(got, in) || from <= to && (s.Count(from, to) != uint64(len(in)) || s.Any(from, to) != (len(in) > 0)) {
		t.Fatalf("[%d, %d] of %v: %v, %d of them", from, to, want, got, s.Count(from, to))
	}
}

// TestNilSeqSet holds that no set at all reads as an empty one.
func TestNilSeqSet(t *testing.T) {
	var s *SeqSet
	if s.Has(0) || s.Any(0, math.MaxUint64) || s.Count(0, math.MaxUint64) != 0 || s.Absent(7) != 7 || !s.Empty() || s.Clone() != nil || listed(s) != nil {
		t.Fatal("a nil set holds something")
	}
	s.RemoveRange(0, math.MaxUint64)
	if b, err := s.Append(nil); err != nil || len(b) != 1 {
		t.Fatal(b, err)
	}
}

// TestWindow holds that a window has what its set has between its ends.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := drawSet(t, "set")
		from := nearEdges(t, "from")
		below := from + rapid.Uint64Range(0, 200).Draw(t, "width")
		w := s.Window(from, below)
		for seq := max(from, 3) - 3; seq < below; seq++ {
			if want := seq >= from && s.Has(seq); w.Has(seq) != want {
				t.Fatalf("%d of [%d, %d): %v", seq, from, below, !want)
			}
		}
		var none *SeqWindow
		if none.Has(from) || w.Has(below+64) || w.Has(math.MaxUint64) {
			t.Fatal("a window has what lies outside")
		}
	})
}

func FuzzSeqSet(f *testing.F) {
	s := &SeqSet{}
	for _, seq := range []uint64{1, 2, 3, 70_000, 1 << 40} {
		s.Add(seq)
	}
	b, _ := s.Append(nil)
	f.Add(b)
	f.Add([]byte{1, 0, 8, 0x3b, 0x30, 0, 0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := record.NewDecoder(b)
		s := DecodeSeqSet(&d)
		if d.Failed() {
			return
		}
		n := 0
		s.Each(0, math.MaxUint64, func(seq uint64) bool { n++; return s.Has(seq) && n < 1000 })
		again, err := s.Append(nil)
		d = record.NewDecoder(again)
		if back := DecodeSeqSet(&d); err != nil || d.Failed() || back.Count(0, math.MaxUint64) != s.Count(0, math.MaxUint64) {
			t.Fatalf("%v does not come back: %v", s, err)
		}
	})
}
