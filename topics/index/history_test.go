package index

import (
	"context"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"pgregory.net/rapid"
)

// historyDir is where the machine's segments are.
const historyDir = "/segments"

// historyMachine runs a history beside a list of its records.
type historyMachine struct {
	fs    *crashfs.FS
	cache *segment.Cache
	h     History
	dead  *SeqSet
	live  []Column // not dead, and not before the front
	next  uint64
	ts    int64
	id    uint64
}

func (m *historyMachine) create() (*segment.Writer, error) {
	m.id++
	return segment.Create(m.fs, historyDir, m.id, 7)
}

func (m *historyMachine) open(t *rapid.T, id uint64) (*segment.Segment, []Extent) {
	s, err := segment.Open(m.fs, historyDir, historyDir, id, 7, m.cache)
	if err != nil {
		t.Fatal(err)
	}
	of, err := ReadTables([]*segment.Segment{s})
	if err != nil {
		t.Fatal(err)
	}
	return s, of[1]
}

// Install appends a segment with some records, of one or several extents.
func (m *historyMachine) Install(t *rapid.T) {
	w, err := m.create()
	if err != nil {
		t.Fatal(err)
	}
	n := rapid.SampledFrom([]int{1, 2, 70, segment.ExtentRecords, segment.ExtentRecords + 1}).Draw(t, "records")
	gap := rapid.SampledFrom([]uint64{0, 0, 1, 100}).Draw(t, "gap")
	first := Column{m.next, m.ts, 0}
	for i := range n {
		c := Column{m.next, m.ts, uint32(i % 7)}
		if err := w.Add(1, c.Seq, c.TS, c.Size, []byte("x")); err != nil {
			t.Fatal(err)
		}
		m.live = append(m.live, c)
		m.next, m.ts = m.next+1+gap, m.ts+int64(i%3)
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	_, extents := m.open(t, m.id)
	m.h.Begin(first.Seq, first.TS)
	m.h.Append(extents)
}

// Seek moves the front.
func (m *historyMachine) Seek(t *rapid.T) {
	if len(m.live) == 0 {
		return
	}
	n := rapid.SampledFrom([]int{0, 1, 2, 63, 64, 65, 3000}).Draw(t, "over")
	from := m.live[min(n, len(m.live)-1)].Seq + rapid.Uint64Range(0, 2).Draw(t, "and")
	m.h.Seek(from, m.dead)
	m.live = slices.DeleteFunc(m.live, func(c Column) bool { return c.Seq < from })
}

// Delete kills some records anywhere.
func (m *historyMachine) Delete(t *rapid.T) {
	if len(m.live) == 0 {
		return
	}
	set, want := &SeqSet{}, record.Size{}
	i := rapid.IntRange(0, len(m.live)-1).Draw(t, "from")
	step := rapid.IntRange(1, 3).Draw(t, "each")
	for n := rapid.SampledFrom([]int{1, 5, 500}).Draw(t, "n"); i < len(m.live) && n > 0; i, n = i+step, n-1 {
		set.Add(m.live[i].Seq)
		want.Add(record.Size{Records: 1, Bytes: int64(m.live[i].Size)})
	}
	if got := m.h.Sum(set); got != want {
		t.Fatalf("sizes %+v, want %+v", got, want)
	}
	m.dead.Unite(set)
	m.live = slices.DeleteFunc(m.live, func(c Column) bool { return set.Has(c.Seq) })
	m.h.Seek(m.h.seq, m.dead)
}

// PopExtent drops a whole extent, if that may be.
func (m *historyMachine) PopExtent(t *rapid.T) {
	if len(m.live) == 0 {
		return
	}
	below := m.live[rapid.IntRange(0, len(m.live)-1).Draw(t, "below")].Seq + rapid.Uint64Range(0, 1).Draw(t, "and")
	e := m.h.Whole(below, m.dead)
	if e == nil {
		return
	}
	n, bytes := 0, uint64(0)
	for ; n < len(m.live) && m.live[n].Seq <= e.Last; n++ {
		bytes += uint64(m.live[n].Size)
	}
	if e.Last >= below || n != int(e.Count) || bytes != e.Bytes || m.live[n-1].Seq != e.Last || m.live[0].Seq != e.First {
		t.Fatalf("%+v below %d is not whole: %d records of %d bytes live", e, below, n, bytes)
	}
	m.h.Skip(e, m.dead)
	m.live = m.live[n:]
}

// Merge replaces some segments side by side by what is alive in them.
func (m *historyMachine) Merge(t *rapid.T) {
	var segs []*segment.Segment
	for _, e := range m.h.extents {
		if !slices.Contains(segs, e.Segment) {
			segs = append(segs, e.Segment)
		}
	}
	if len(segs) == 0 {
		return
	}
	from := rapid.IntRange(0, len(segs)-1).Draw(t, "from")
	segs = segs[from : from+rapid.IntRange(1, len(segs)-from).Draw(t, "segments")]
	live := Liveness{1: {m.h.seq, m.dead}}
	ids, err := segment.Merge(segs, live, m.create, segment.Limits{Records: 3000}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var with []Extent
	for _, id := range ids {
		_, extents := m.open(t, id)
		with = append(with, extents...)
	}
	gone := map[*segment.Segment]bool{}
	for _, s := range segs {
		gone[s] = true
	}
	m.h.Replace(gone, with)
	for _, s := range segs {
		s.Release()
	}
}

// Check holds the front, and every record by way of the extents.
func (m *historyMachine) Check(t *rapid.T) {
	if len(m.live) == 0 {
		if m.h.seq != 0 || len(m.h.extents) != 0 || m.h.Last() != 0 {
			t.Fatalf("%+v is left of nothing", m.h)
		}
		return
	}
	if c := m.live[0]; m.h.seq != c.Seq || m.h.ts != c.TS || m.h.Size() != int64(c.Size) || m.h.damaged > 0 {
		t.Fatalf("the front is %d at %d of %d bytes, want %+v", m.h.seq, m.h.ts, m.h.Size(), c)
	}
	var got []Column
	for i := range m.h.extents {
		e := &m.h.extents[i]
		if i > 0 && e.At.First <= m.h.extents[i-1].At.Last {
			t.Fatalf("extent %d begins at %d, the one before ends at %d", i, e.At.First, m.h.extents[i-1].At.Last)
		}
		page, err := e.Segment.Page(context.Background(), &e.At)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Seq {
			if c := e.column(page, i); c.Seq >= m.h.seq && !m.dead.Has(c.Seq) {
				got = append(got, c)
			}
		}
	}
	if !slices.Equal(got, m.live) {
		t.Fatalf("%d records, want %d", len(got), len(m.live))
	}
	last := m.live[len(m.live)-1].Seq
	if e := &m.h.From(last)[0].At; last < e.First || last > e.Last || m.h.Last() < last {
		t.Fatalf("seq %d is not in %+v", last, e)
	}
}

func TestHistoryAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &historyMachine{fs: crashfs.New(), cache: segment.NewCache(1 << 20), dead: &SeqSet{}, next: 1 + jump(t, "first")}
		if err := m.fs.MkdirAll(historyDir); err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"": m.Check, "install": m.Install, "seek": m.Seek, "delete": m.Delete, "pop": m.PopExtent, "merge": m.Merge,
		})
	})
}
