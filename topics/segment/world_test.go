package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"pgregory.net/rapid"
)

const (
	testDir = "hot"
	coldDir = "cold"
	testLog = 77
)

// newFS returns a file system with both directories.
func newFS(t rapid.TB) *crashfs.FS {
	t.Helper()
	fsys := crashfs.New()
	check(t, fsys.MkdirAll(testDir))
	check(t, fsys.MkdirAll(coldDir))
	return fsys
}

func check(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// item is one record.
type item struct {
	topic, seq uint64
	ts         int64
	size       uint32
	data       string
	tags       []string
}

// write adds the items to w in order, and the tags of each topic in the order
// of its records or backwards.
func write(w *Writer, items []item, backwards bool) error {
	for i, it := range items {
		if err := w.Add(it.topic, it.seq, it.ts, it.size, []byte(it.data)); err != nil {
			return err
		}
		if backwards {
			if i+1 < len(items) && items[i+1].topic == it.topic {
				continue
			}
			for j := i; j >= 0 && items[j].topic == it.topic; j-- {
				for _, tag := range items[j].tags {
					if err := w.Tag(it.topic, []byte(tag), items[j].seq); err != nil {
						return err
					}
				}
			}
			continue
		}
		for _, tag := range it.tags {
			if err := w.Tag(it.topic, []byte(tag), it.seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// build writes a segment of the items and opens it.
func build(t rapid.TB, fsys vfs.FS, id uint64, items []item, cache *Cache) *Segment {
	t.Helper()
	w, err := Create(fsys, testDir, id, testLog)
	check(t, err)
	check(t, write(w, items, id%2 == 0))
	if n := w.Records(); n != int64(len(items)) {
		t.Fatalf("%d records, want %d", n, len(items))
	}
	check(t, w.Finish())
	s, err := Open(fsys, testDir, testDir, id, testLog, cache)
	check(t, err)
	return s
}

// contents returns the records of a segment as items with sorted tags.
func contents(s *Segment) (items []item, err error) {
	var first Extent
	from := 0
	tags := func() error {
		byseq := map[uint64]*item{}
		for i := from; i < len(items); i++ {
			byseq[items[i].seq] = &items[i]
		}
		var prev []byte
		begun, last := false, uint64(0)
		return s.Tags(&first, nil, func(tag []byte, seqs []uint64) bool {
			if c := bytes.Compare(tag, prev); begun && (c < 0 || c == 0 && seqs[0] <= last) || !slices.IsSorted(seqs) {
				err = fmt.Errorf("tag %q with %v after %q", tag, seqs, prev)
				return false
			}
			prev, begun, last = bytes.Clone(tag), true, seqs[len(seqs)-1]
			for _, seq := range seqs {
				if it := byseq[seq]; it != nil {
					it.tags = append(it.tags, string(tag))
				} else {
					err = fmt.Errorf("tag %q names seq %d", tag, seq)
				}
			}
			return err == nil
		})
	}
	end := func() error {
		if len(items) == 0 {
			return nil
		}
		return errors.Join(tags(), err)
	}
	err2 := s.Extents(func(e Extent) error {
		if len(items) == 0 || e.Topic != first.Topic {
			if err := end(); err != nil {
				return err
			}
			first, from = e, len(items)
		}
		more, err := records(s, &e)
		items = append(items, more...)
		return err
	})
	if err2 == nil {
		err2 = end()
	}
	if err2 != nil {
		return nil, err2
	}
	return items, nil
}

// records returns the records of an extent, and checks its columns against its
// runs.
func records(s *Segment, e *Extent) (items []item, err error) {
	p, err := s.Page(context.Background(), e)
	if err != nil {
		return nil, err
	}
	for i := range p.Runs {
		c, err := s.Run(context.Background(), e, p, i)
		if err != nil {
			return nil, err
		}
		for at := p.Runs[i].Start; c.Next(); at++ {
			if c.Seq != e.First+uint64(p.Seq[at]) || c.TS != e.FirstTS+int64(p.TS[at]) {
				return nil, fmt.Errorf("topic %d: record %d at %d, columns say %d at %d", e.Topic, c.Seq, c.TS,
					e.First+uint64(p.Seq[at]), e.FirstTS+int64(p.TS[at]))
			}
			items = append(items, item{e.Topic, c.Seq, c.TS, p.Size[at], string(c.Record), nil})
		}
		if err := c.Err(); err != nil {
			return nil, err
		}
	}
	if len(items) != int(e.Count) {
		return nil, fmt.Errorf("topic %d: %d records, want %d", e.Topic, len(items), e.Count)
	}
	return items, nil
}

// same holds that two lists of items are equal.
func same(t rapid.TB, got, want []item) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if !equal(got[i], want[i]) {
			t.Fatalf("record %d is %.300s, want %.300s", i, fmt.Sprint(got[i]), fmt.Sprint(want[i]))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
}

// equal compares items, with their tags as sets.
func equal(a, b item) bool {
	return a.topic == b.topic && a.seq == b.seq && a.ts == b.ts && a.size == b.size && a.data == b.data &&
		slices.Equal(set(a.tags), set(b.tags))
}

func set(tags []string) []string {
	tags = slices.Clone(tags)
	slices.Sort(tags)
	return slices.Compact(tags)
}

// flip changes one bit of a file.
func flip(t rapid.TB, fsys vfs.FS, name string, off int64) {
	t.Helper()
	f := must(fsys.Open(name))
	defer f.Close()
	b := []byte{0}
	_ = must(f.ReadAt(b, off))
	b[0] ^= 1
	_ = must(f.WriteAt(b, off))
}

func isDamage(err error) bool {
	d, ok := errors.AsType[*DamageError](err)
	return ok && d.File != "" && d.Cause != ""
}
