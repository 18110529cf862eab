package index

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"pgregory.net/rapid"
)

// TestTagIndexAgainstAList holds what is found by tag, across blocks.
func TestTagIndexAgainstAList(t *testing.T) {
	type rec struct {
		seq uint64
		tag []byte
	}
	rapid.Check(t, func(t *rapid.T) {
		var x Tags
		var all []rec
		next := 1 + jump(t, "first")
		for range rapid.IntRange(0, 12).Draw(t, "frames") {
			n := rapid.SampledFrom([]int{1, 3, 1000}).Draw(t, "records")
			every := rapid.IntRange(1, 3).Draw(t, "tagged")
			var packed []byte
			tagged := 0
			for i := range n {
				if i%every > 0 {
					continue
				}
				tag := fmt.Appendf(nil, "%d", i%12)[:i%3]
				packed = PackTag(packed, i-tagged, tag)
				tagged = i + 1
				all = append(all, rec{next + uint64(i), tag})
			}
			x.Add(next, packed)
			next += uint64(n) + jump(t, "gap")
		}
		cut := rapid.Uint64Range(0, next).Draw(t, "cut")
		x.Truncate(cut)
		from := rapid.Uint64Range(cut+1, next+1).Draw(t, "from")
		to := rapid.Uint64Range(from, next+1).Draw(t, "to")
		m, err := record.ParseMatch(rapid.SampledFrom([]string{"", "*", "1", "1*", "11", "9*", "x"}).Draw(t, "pattern"))
		if err != nil {
			t.Fatal(err)
		}
		var want, got []uint64
		for _, r := range all {
			if r.seq >= from && r.seq <= to && (bytes.Equal(r.tag, []byte(m.Value)) || m.Prefix && bytes.HasPrefix(r.tag, []byte(m.Value))) {
				want = append(want, r.seq)
			}
		}
		x.Find(&m, from, to, func(seq uint64) { got = append(got, seq) })
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("%+v in [%d, %d]: %d seqs, want %d", m, from, to, len(got), len(want))
		}
		if x.Truncate(next); x.blocks != nil {
			t.Fatal("something is left of nothing")
		}
	})
}
