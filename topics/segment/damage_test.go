package segment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// sampleItems are small, and have every kind of page: shared blocks, blocks of
// one run and of one record, several extents, tags in several pages.
func sampleItems() (items []item) {
	for i := range 2100 {
		items = append(items, item{1, uint64(2*i + 1), int64(i), uint32(i % 5),
			fmt.Sprintf("%s record %d", strings.Repeat("all alike ", 6), i*i%9973),
			[]string{fmt.Sprintf("tag %d", i%900), strings.Repeat("y", i%100)}})
	}
	for topic := range uint64(3) {
		items = append(items, item{2 + topic, 7, 5, 3, "small", []string{"t"}})
	}
	items = append(items, item{9, 1, 1, 1, strings.Repeat("0123456789", 7000), nil})
	return append(items, item{9, 1 << 40, 1 << 40, math.MaxUint32, "far", []string{""}})
}

// readAll reads everything, and returns an error on damage.
func readAll(fsys vfs.FS, cache *Cache) ([]item, error) {
	s, err := Open(fsys, testDir, testDir, 1, testLog, cache)
	if err != nil {
		return nil, err
	}
	defer s.Release()
	return contents(s)
}

// TestEveryByte flips one bit in each byte of a segment in turn, and in every
// third byte in the middle of the files. Reading everything gives a
// records; Verify finds it too.
func TestEveryByte(t *testing.T) {
	items := sampleItems()
	fsys := newFS(t)
	s := build(t, fsys, 1, items, NewCache(0))
	for _, name := range []string{s.indexName, s.dataFile()} {
		size := len(must(vfs.ReadFile(fsys, name)))
		for off := 0; off < size; off++ {
			if off > 200 && off < size-200 && off%3 > 0 {
				continue
			}
			flip(t, fsys, name, int64(off))
			checkDamaged(t, fsys, s, name, int64(off))
			flip(t, fsys, name, int64(off))
		}
	}
	check(t, verifies(s))
}

func checkDamaged(t *testing.T, fsys *crashfs.FS, s *Segment, name string, off int64) {
	t.Helper()
	got, err := readAll(fsys, NewCache(1<<20))
	if err == nil {
		t.Fatalf("%s at %d: no error", name, off)
	}
	if v, ok := errors.AsType[*VersionError](err); ok {
		if off/4 != 2 || v.File != name {
			t.Fatalf("%s at %d: %v", name, off, err)
		}
	} else if d, ok := errors.AsType[*DamageError](err); !ok || d.File != name || d.Offset > off {
		t.Fatalf("%s at %d: %v", name, off, err)
	}
	if got != nil {
		t.Fatalf("%s at %d: records and an error", name, off)
	}
	var found []Damage
	_, err = Verify(s, nil, func(d Damage) { found = append(found, d) })
	if _, ok := errors.AsType[*VersionError](err); ok && off/4 == 2 {
		return
	}
	if err != nil || len(found) == 0 || slices.ContainsFunc(found, func(d Damage) bool { return d.File != name || d.Offset > off || d.Cause == "" }) {
		t.Fatalf("%s at %d: Verify found %v, %v", name, off, found, err)
	}
}

// TestCutAndGrown holds that a file whose length has changed is damaged.
func TestCutAndGrown(t *testing.T) {
	for _, by := range []int64{-100_000, -1, 1, 4096} {
		for _, kind := range []string{DataName(1), IndexName(1)} {
			fsys := newFS(t)
			s := build(t, fsys, 1, sampleItems(), NewCache(0))
			name := testDir + "/" + kind
			f := must(fsys.Open(name))
			size := must(f.Size())
			check(t, f.Truncate(max(0, size+by)))
			if _, err := readAll(fsys, NewCache(0)); !isDamage(err) {
				t.Errorf("%s by %d: %v", name, by, err)
			}
			found := 0
			_, err := Verify(s, nil, func(Damage) { found++ })
			if err != nil || found == 0 {
				t.Errorf("%s by %d: Verify found %d, %v", name, by, found, err)
			}
		}
	}
}

// TestWrongSegment holds that the files of another log or id are refused.
func TestWrongSegment(t *testing.T) {
	fsys := newFS(t)
	build(t, fsys, 1, sampleItems(), NewCache(0))
	if _, err := Open(fsys, testDir, testDir, 1, testLog+1, NewCache(0)); !isDamage(err) {
		t.Errorf("another log: %v", err)
	}
	build(t, fsys, 2, sampleItems(), NewCache(0))
	check(t, fsys.Rename(testDir+"/"+DataName(2), testDir+"/"+DataName(1)))
	if _, err := Open(fsys, testDir, testDir, 1, testLog, NewCache(0)); !isDamage(err) {
		t.Errorf("another's data: %v", err)
	}
}

// TestMovedPage holds that a page in the wrong place is damaged, even if its
// content is intact.
func TestMovedPage(t *testing.T) {
	fsys := newFS(t)
	s := build(t, fsys, 1, append(bulk(1, 1), bulk(2, 1)...), NewCache(0))
	var all []Extent
	check(t, s.Extents(func(e Extent) error { all = append(all, e); return nil }))
	from, to := all[0].dir, all[1].dir
	if from.size != to.size {
		t.Fatal("the directories differ in size")
	}
	f := must(fsys.Open(s.indexName))
	b := make([]byte, to.size)
	_ = must(f.ReadAt(b, from.off))
	_ = must(f.WriteAt(b, to.off))
	_, err := s.readDirectory(&all[1])
	if d, ok := errors.AsType[*DamageError](err); !ok || d.Cause != "the checksum does not hold" || d.Topic != 2 {
		t.Fatal(err)
	}
}

// TestScanResyncs holds that Scan finds all blocks except the damaged ones,
// even if a record contains what looks like a block.
func TestScanResyncs(t *testing.T) {
	inner := appendFrame(nil, blockMagic, 0, appendRunRecord(appendRunHead(nil, 66, 1, 66, 66), 0, 0, []byte("forged")))
	items := bulk(1, 1000)
	noise := make([]byte, blockBytes/2)
	rand.NewChaCha8([32]byte{}).Read(noise) // so that the block is stored uncompressed
	items = append(items, item{topic: 2, seq: 1, data: string(inner) + string(noise)})
	items = append(items, bulk(3, 1000)...)
	for _, where := range []int64{0, 4, 8, 12, 16, frameSize + 1} { // in the block
		fsys := newFS(t)
		s := build(t, fsys, 1, items, NewCache(0))
		var e Extent
		check(t, s.Extents(func(x Extent) error {
			if x.Topic == 2 {
				e = x
			}
			return nil
		}))
		p := must(s.Page(context.Background(), &e))
		at := p.Runs[0].block.off
		flip(t, fsys, s.dataFile(), at+where)
		forged := false
		lost := map[uint64]bool{}
		for _, it := range items {
			lost[it.topic<<32|it.seq] = true
		}
		var found []Damage
		check(t, Scan(fsys, testDir, 1, func(off int64, topic, seq uint64, ts int64, b []byte) error {
			delete(lost, topic<<32|seq)
			forged = forged || topic == 66
			return nil
		}, func(d Damage) error { found = append(found, d); return nil }))
		// Without the block's length, it has to search.
		if forged != (where < 8 || where == 12) || found[0].Offset != at || !forged && len(found) != 1 || !lost[2<<32|1] || len(lost) > 250 {
			t.Errorf("at %d: %v, %d records lost, forged: %v", where, found, len(lost), forged)
		}
	}
}

// TestScanWithoutHeader holds that blocks are found after a damaged header, and
// that a truncated file is reported.
func TestScanWithoutHeader(t *testing.T) {
	fsys := newFS(t)
	items := bulk(1, 500)
	s := build(t, fsys, 1, items, NewCache(0))
	flip(t, fsys, s.dataFile(), 20)
	check(t, must(fsys.Open(s.dataFile())).Truncate(s.DataBytes()-1))
	n := 0
	var found []Damage
	check(t, Scan(fsys, testDir, 1, func(int64, uint64, uint64, int64, []byte) error { n++; return nil },
		func(d Damage) error { found = append(found, d); return nil }))
	if len(found) != 2 || found[0].Offset != 0 || n < 390 || n >= 500 {
		t.Errorf("%v, %d records", found, n)
	}
}

// TestDisagreement holds that an index and data that do not belong together are
// detected, even if all checksums are right.
func TestDisagreement(t *testing.T) {
	three := func(topic, a, b, c uint64, ts int64) []item {
		return []item{{topic, a, ts, 1, "abc", []string{"x"}}, {topic, b, ts, 1, "def", nil}, {topic, c, ts + 1, 1, "ghi", nil}}
	}
	for name, other := range map[string][]item{
		"topic":  three(2, 5, 7, 9, 10),
		"first":  three(1, 4, 7, 9, 10),
		"middle": three(1, 5, 8, 9, 10),
		"last":   three(1, 5, 7, 8, 10),
		"time":   three(1, 5, 7, 9, 11),
	} {
		t.Run(name, func(t *testing.T) {
			fsys := newFS(t)
			build(t, fsys, 1, other, NewCache(0))
			data := must(vfs.ReadFile(fsys, testDir+"/"+DataName(1)))
			s := build(t, fsys, 1, three(1, 5, 7, 9, 10), NewCache(0))
			_ = must(must(fsys.Open(s.dataFile())).WriteAt(data, 0))
			var damage *DamageError
			if _, err := contents(s); !errors.As(err, &damage) {
				t.Fatalf("read: %v", err)
			}
			for _, part := range []string{s.dataFile(), "offset 64", "topic 1", "to 9"} {
				if !strings.Contains(damage.Error(), part) {
					t.Errorf("%v does not say %s", damage, part)
				}
			}
			m := &merger{fsys: fsys, next: 100}
			if _, err := Merge([]*Segment{s}, fates{}, m.create, Limits{}, nil, nil); !isDamage(err) {
				t.Errorf("merge: %v", err)
			}
			n := 0
			if _, err := Verify(s, nil, func(d Damage) { n++ }); err != nil || n == 0 {
				t.Errorf("verify: %d found, %v", n, err)
			}
		})
	}
}

// TestVerifyTags holds that a tag of a seq without a record is detected.
func TestVerifyTags(t *testing.T) {
	fsys := newFS(t)
	w := must(Create(fsys, testDir, 1, testLog))
	check(t, w.Add(1, 5, 0, 0, nil))
	check(t, w.Tag(1, []byte("x"), 6))
	check(t, w.Finish())
	s := must(Open(fsys, testDir, testDir, 1, testLog, NewCache(0)))
	var found []Damage
	_, err := Verify(s, nil, func(d Damage) { found = append(found, d) })
	if err != nil || len(found) != 1 || found[0].Topic != 1 || found[0].File != s.indexName {
		t.Errorf("%v, %v", found, err)
	}
}
