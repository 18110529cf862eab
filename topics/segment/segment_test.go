package segment

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"pgregory.net/rapid"
)

// drawItems draws the records of a segment. It repeats records to fill blocks
// and extents.
func drawItems(t *rapid.T, topics int) (items []item) {
	sizes := []int{0, 1, 10, 700, 9000, blockBytes - 40, blockBytes + 1, 3 * blockBytes}
	gap := rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(0, 3), rapid.Just(uint64(math.MaxUint32)), rapid.Uint64Range(0, 1<<40))
	for topic, n := uint64(0), 0; n < topics; n++ {
		topic += rapid.SampledFrom([]uint64{1, 1, 2, 1 << 40}).Draw(t, "topic")
		seq := rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Just(uint64(1<<50))).Draw(t, "first")
		ts := rapid.SampledFrom([]int64{0, 1_700_000_000_000, -5, math.MinInt64}).Draw(t, "time")
		for range rapid.IntRange(1, 4).Draw(t, "stretches") {
			size := rapid.SampledFrom(sizes).Draw(t, "bytes")
			count := rapid.SampledFrom([]int{1, 2, 5, 400, 2500}).Draw(t, "count")
			count = max(1, min(count, 2*blockBytes/(size+1)))
			step, rise := gap.Draw(t, "gap"), int64(gap.Draw(t, "rise"))
			tags := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "ab", "ab\x00", "b", strings.Repeat("x", 3000)}), 0, 2).Draw(t, "tags")
			unique := rapid.Bool().Draw(t, "unique")
			for i := range count {
				it := item{topic, seq, ts, uint32(size + i), strings.Repeat(string(rune('a'+i%26)), size), tags}
				if unique {
					it.tags = append([]string{fmt.Sprintf("tag-%d", seq*7919%1000)}, tags...)
				}
				items = append(items, it)
				seq += 1 + step
				ts += rise
				step = min(step, 1<<40)
			}
		}
	}
	return items
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t, rapid.IntRange(1, 6).Draw(t, "topics"))
		fsys := newFS(t)
		s := build(t, fsys, rapid.Uint64Range(1, 2).Draw(t, "id"), items, NewCache(1<<20))
		defer s.Release()
		for range 2 { // with a cold cache and a warm one
			got, err := contents(s)
			check(t, err)
			same(t, got, items)
		}
		check(t, verifies(s))
		same(t, scanned(t, fsys, s.ID()), bare(items))
	})
}

// verifies holds that Verify reports nothing and reads every byte.
func verifies(s *Segment) error {
	var found []Damage
	c, err := Verify(s, nil, func(d Damage) { found = append(found, d) })
	if err != nil {
		return err
	}
	if len(found) > 0 || c.Bytes != s.DataBytes()+s.IndexBytes() || c.Records != s.Records() || c.Blocks == 0 || c.Pages < 2 {
		return fmt.Errorf("%+v with %d records, %d bytes: %v", c, s.Records(), s.DataBytes()+s.IndexBytes(), found)
	}
	return nil
}

// scanned reads the data file without the index.
func scanned(t rapid.TB, fsys vfs.FS, id uint64) (items []item) {
	t.Helper()
	check(t, Scan(fsys, testDir, id, func(off int64, topic, seq uint64, ts int64, b []byte) error {
		items = append(items, item{topic: topic, seq: seq, ts: ts, data: string(b)})
		return nil
	}, func(d Damage) error { return &DamageError{d} }))
	return items
}

// bare returns the items without what is only in the index.
func bare(items []item) []item {
	items = slices.Clone(items)
	for i := range items {
		items[i].size, items[i].tags = 0, nil
	}
	return items
}

// TestTagsFrom holds that Tags begins at any tag, in any page, and stops.
func TestTagsFrom(t *testing.T) {
	var items []item
	for i := range 6000 {
		items = append(items, item{1, uint64(i), 0, 1, "x", []string{fmt.Sprintf("k%05d%x", i*7%6000/3, sha256.Sum256([]byte{byte(i * 7 % 6000 / 3)})), "every"}})
	}
	items = append(items, item{topic: 2, seq: 1, data: "untagged"})
	cache := NewCache(1 << 20)
	s := build(t, newFS(t), 1, items, cache)
	var first []Extent
	check(t, s.Extents(func(e Extent) error {
		if len(first) == 0 || e.Topic != first[len(first)-1].Topic {
			first = append(first, e)
		} else if e.HasTags() {
			t.Fatalf("extent %+v has tags", e)
		}
		return nil
	}))
	if !first[0].HasTags() || first[1].HasTags() {
		t.Fatal("HasTags is wrong")
	}
	d := must(s.directory(&first[0]))
	if len(d.pages) < 3 {
		t.Fatalf("%d pages are too few for this test", len(d.pages))
	}
	want := map[string][]uint64{}
	for _, it := range items {
		for _, tag := range it.tags {
			want[tag] = append(want[tag], it.seq)
		}
	}
	tags := slices.Sorted(maps.Keys(want))
	for _, from := range append(slices.Clone(tags), "", "every!", "k00000x", "zzz") {
		i, _ := slices.BinarySearch(tags, from)
		left := tags[i:]
		i = 0
		var got []uint64
		check(t, s.Tags(&first[0], []byte(from), func(tag []byte, seqs []uint64) bool {
			if string(tag) != left[i] {
				if !slices.Equal(got, want[left[i]]) {
					t.Fatalf("from %q: %q has %v, want %v", from, left[i], got, want[left[i]])
				}
				i, got = i+1, nil
			}
			if string(tag) != left[i] {
				t.Fatalf("from %q: %q, want %q", from, tag, left[i])
			}
			got = append(got, seqs...)
			return i < 2
		}))
		if len(left) == 0 && got != nil || len(left) > 2 && i != 2 {
			t.Fatalf("from %q: stopped at %d with %v", from, i, got)
		}
	}
	cache.drop(s.owner)
	before := cache.Stats().Misses
	check(t, s.Tags(&first[0], []byte("k01000"), func([]byte, []uint64) bool { return false }))
	if n := cache.Stats().Misses - before; n > 3 {
		t.Errorf("%d pages are read for one tag", n)
	}
	check(t, s.Tags(&first[1], nil, func([]byte, []uint64) bool { t.Fatal("a tag"); return true }))
}

// TestWriterRefuses lists the errors of a Writer, and holds that they persist.
func TestWriterRefuses(t *testing.T) {
	add := func(topic, seq uint64, ts int64) func(*Writer) error {
		return func(w *Writer) error { return w.Add(topic, seq, ts, 0, nil) }
	}
	for name, test := range map[string]struct {
		do   func(*Writer) error
		want error
	}{
		"topic falls": {add(4, 9, 9), ErrOrder},
		"seq stays":   {add(5, 5, 9), ErrOrder},
		"time falls":  {add(5, 6, 8), ErrOrder},
		"other's tag": {func(w *Writer) error { return w.Tag(4, nil, 5) }, ErrOrder},
		"long tag":    {func(w *Writer) error { return w.Tag(5, make([]byte, MaxTag+1), 5) }, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := newFS(t)
			w := must(Create(fsys, testDir, 1, testLog))
			check(t, w.Add(5, 5, 9, 0, nil))
			if err := test.do(w); !errors.Is(err, test.want) {
				t.Fatalf("%v, want %v", err, test.want)
			}
			for _, err := range []error{w.Add(6, 1, 1, 0, nil), w.Tag(5, nil, 5), w.Finish()} {
				if !errors.Is(err, test.want) {
					t.Errorf("afterwards %v", err)
				}
			}
			check(t, w.Abort())
			empty(t, fsys, testDir)
		})
	}
	fsys := newFS(t)
	w := must(Create(fsys, testDir, 1, testLog))
	if err := w.Finish(); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	check(t, w.Abort())
	w = must(Create(fsys, testDir, 1, testLog))
	if err := w.Tag(0, nil, 1); !errors.Is(err, ErrOrder) {
		t.Errorf("a tag before any record: %v", err)
	}
	check(t, w.Abort())
	empty(t, fsys, testDir)
}

func empty(t testing.TB, fsys vfs.FS, dir string) {
	t.Helper()
	if names := must(fsys.List(dir)); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]Kind{
		"00000000000000ff.seg": Data, "00000000000000ff.idx": Index, "00000000000000ff.seg.part": Partial,
		"00000000000000FF.seg": 0, "ff.seg": 0, ".seg": 0, "00000000000000ff.wal": 0, "00000000000000ff": 0, "": 0,
		"00000000000000ff.seg.": 0, "000000000000000ff.seg": 0, "+0000000000000ff.seg": 0,
	} {
		id, kind, ok := ParseName(name)
		if kind != want || ok != (want != 0) || ok && id != 255 {
			t.Errorf("%q: %x, %v, %v", name, id, kind, ok)
		}
	}
	if err := Remove(newFS(t), testDir, 1, 9); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("unknown kind: %v", err)
	}
}

// TestManyTopics holds that a table of many pages can be read, and that small
// topics share blocks.
func TestManyTopics(t *testing.T) {
	var items []item
	for i := range 12_000 {
		items = append(items, item{uint64(3 * i), uint64(i * i), int64(-i), uint32(i), "record", nil})
	}
	s := build(t, newFS(t), 1, items, NewCache(0))
	same(t, must(contents(s)), items)
	check(t, verifies(s))
	c := must(Verify(s, nil, func(Damage) {}))
	if pages := c.Pages - int64(len(items)); pages < 2 || c.Blocks > 8 {
		t.Errorf("%d pages of the table, %d blocks", pages, c.Blocks)
	}
	if s.ID() != 1 || s.Topics() != int64(len(items)) || s.Records() != s.Topics() || s.Bytes() != 12_000*11_999/2 || s.Cold() {
		t.Errorf("%+v", s.foot)
	}
}

// TestLargeRecords holds that a record larger than a block gets one of its own,
// and that the writer does not keep its memory.
func TestLargeRecords(t *testing.T) {
	fsys := newFS(t)
	large := strings.Repeat("large", 1<<20)
	items := []item{{topic: 1, seq: 1, data: "small"}, {topic: 1, seq: 2, data: large}, {topic: 1, seq: 3, data: "small"}}
	w := must(Create(fsys, testDir, 1, testLog))
	check(t, write(w, items, false))
	if n := cap(w.block) + cap(w.run.records) + cap(w.data.buf); n > 32*blockBytes {
		t.Errorf("%d bytes are kept", n)
	}
	check(t, w.Finish())
	s := must(Open(fsys, testDir, testDir, 1, testLog, NewCache(0)))
	same(t, must(contents(s)), items)
	if c := must(Verify(s, nil, func(Damage) {})); c.Blocks != 3 {
		t.Errorf("%d blocks", c.Blocks)
	}
}

// TestCopyRefuses holds that a block of several runs is not copied.
func TestCopyRefuses(t *testing.T) {
	fsys := newFS(t)
	s := build(t, fsys, 1, append(bulk(1, 1), bulk(2, 1)...), NewCache(0))
	w := must(Create(fsys, testDir, 2, testLog))
	stop := errors.New("stop")
	err := s.Extents(func(e Extent) error {
		if err := w.Copy(s, &e, must(s.Page(context.Background(), &e)), 0); !errors.Is(err, ErrShared) {
			t.Errorf("%v", err)
		}
		return stop
	})
	if err != stop {
		t.Errorf("%v", err)
	}
	check(t, w.Abort())
}
