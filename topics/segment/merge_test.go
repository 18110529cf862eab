package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"pgregory.net/rapid"
)

// fates is the liveness of topics in a test. The zero fate is all alive.
type fates map[uint64]fate

type fate struct {
	gone     bool
	earliest uint64
	deleted  func(seq uint64) bool // may be nil
}

func (f fates) Topic(id uint64) (uint64, bool) { return f[id].earliest, !f[id].gone }

func (f fates) Deleted(topic, from, to uint64) (func(uint64) bool, bool) {
	if d := f[topic].deleted; d != nil {
		return func(seq uint64) bool {
			if seq < from || seq > to {
				panic(fmt.Sprintf("seq %d is asked for, beyond %d to %d", seq, from, to))
			}
			return d(seq)
		}, true
	}
	return nil, false
}

func (f fates) alive(it item) bool {
	x := f[it.topic]
	return !x.gone && it.seq >= x.earliest && (x.deleted == nil || !x.deleted(it.seq))
}

func drawFate(t *rapid.T, items []item) fate {
	at := func(label string) uint64 { return rapid.SampledFrom(items).Draw(t, label).seq }
	switch rapid.IntRange(0, 5).Draw(t, "fate") {
	case 0:
		return fate{gone: true}
	case 1:
		return fate{earliest: at("earliest")}
	case 2:
		return fate{earliest: 1 << 63}
	case 3:
		from, to := at("deleted from"), at("deleted to")
		return fate{deleted: func(seq uint64) bool { return seq >= from && seq <= to }}
	case 4:
		n := rapid.Uint64Range(1, 4).Draw(t, "every")
		return fate{earliest: at("earliest"), deleted: func(seq uint64) bool { return seq%n == 0 }}
	}
	return fate{}
}

// merger makes the outputs of a merge, with ids from next on.
type merger struct {
	fsys vfs.FS
	next uint64
	made []*Writer
}

func (m *merger) create() (*Writer, error) {
	w, err := Create(m.fsys, testDir, m.next, testLog)
	if err != nil {
		return nil, err
	}
	m.next++
	m.made = append(m.made, w)
	return w, nil
}

func (m *merger) copied() (n int) {
	for _, w := range m.made {
		n += w.copied
	}
	return n
}

// outputs reads all outputs and verifies them.
func outputs(t rapid.TB, fsys vfs.FS, ids []uint64, limits Limits) (items []item) {
	t.Helper()
	for _, id := range ids {
		s := must(Open(fsys, testDir, testDir, id, testLog, NewCache(1<<20)))
		got, err := contents(s)
		check(t, err)
		check(t, verifies(s))
		if limits.Records > 0 && s.Records() >= limits.Records+ExtentRecords {
			t.Fatalf("segment %d has %d records", id, s.Records())
		}
		if limits.Bytes > 0 && s.DataBytes() >= limits.Bytes+8*blockBytes {
			t.Fatalf("segment %d has %d bytes", id, s.DataBytes())
		}
		items = append(items, got...)
		s.Release()
	}
	return items
}

// TestMerge holds that outputs have exactly the live records, with their tags.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fsys := newFS(t)
		all := drawItems(t, rapid.IntRange(1, 5).Draw(t, "topics"))
		parts := make([][]item, rapid.IntRange(1, 4).Draw(t, "inputs"))
		live := fates{}
		for from, to := 0, 0; from < len(all); from = to {
			for to = from; to < len(all) && all[to].topic == all[from].topic; to++ {
			}
			live[all[from].topic] = drawFate(t, all[from:to])
			cuts := rapid.SliceOfN(rapid.IntRange(from, to), len(parts)-1, len(parts)-1).Draw(t, "cuts")
			cuts = append(cuts, to)
			slices.Sort(cuts)
			at := from
			for i, cut := range cuts {
				parts[i] = append(parts[i], all[at:cut]...)
				at = cut
			}
		}
		var inputs []*Segment
		for i, part := range parts {
			if len(part) > 0 {
				inputs = append(inputs, build(t, fsys, uint64(i+1), part, NewCache(0)))
			}
		}
		for i, s := range inputs {
			want := slices.ContainsFunc(parts[s.ID()-1], func(it item) bool { return !live.alive(it) })
			if got := must(s.HasDead(t.Context(), live, nil)); got != want {
				t.Fatalf("input %d has dead records: %t, want %t", i, got, want)
			}
		}
		m := &merger{fsys: fsys, next: 100}
		limits := Limits{
			Bytes:   rapid.SampledFrom([]int64{0, 1, 5000, 200_000}).Draw(t, "limit bytes"),
			Records: rapid.SampledFrom([]int64{0, 1, 500, 3000}).Draw(t, "limit records"),
		}
		ids, err := Merge(inputs, live, m.create, limits, nil, nil)
		check(t, err)
		want := slices.DeleteFunc(slices.Clone(all), func(it item) bool { return !live.alive(it) })
		same(t, outputs(t, fsys, ids, limits), want)
		for _, id := range ids { // dead is what the segment has, not what it once had
			s := must(Open(fsys, testDir, testDir, id, testLog, NewCache(0)))
			if must(s.HasDead(t.Context(), live, nil)) {
				t.Fatalf("output %d has dead records", id)
			}
			s.Release()
		}
		if len(ids) != len(m.made) {
			t.Fatalf("%d outputs are reported, %d were made", len(ids), len(m.made))
		}
		for _, s := range inputs {
			s.Release()
		}
	})
}

// bulk returns n tagged records, each of about a hundredth of a block.
func bulk(topic uint64, n int) (items []item) {
	for i := range n {
		items = append(items, item{topic, uint64(i + 1), int64(i), 600, fmt.Sprintf("%d %s", i, strings.Repeat("x", 600)), []string{fmt.Sprint(i % 7)}})
	}
	return items
}

// TestMergeCopies holds that blocks are copied if all of their records are
// alive, and encoded again otherwise.
func TestMergeCopies(t *testing.T) {
	items := append(bulk(1, 5000), bulk(2, 3)...)
	for name, test := range map[string]struct {
		fates  fates
		copies func(n, blocks int) bool
	}{
		"all alive":    {nil, func(n, blocks int) bool { return n >= blocks-3 }},
		"first died":   {fates{1: {earliest: 2}}, func(n, blocks int) bool { return n >= blocks-4 && n < blocks-1 }},
		"every second": {fates{1: {deleted: func(seq uint64) bool { return seq%2 == 0 }}}, func(n, _ int) bool { return n == 0 }},
		"topic gone":   {fates{1: {gone: true}}, func(n, _ int) bool { return n == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := newFS(t)
			s := build(t, fsys, 1, items, NewCache(0))
			c := must(Verify(s, nil, func(Damage) {}))
			m := &merger{fsys: fsys, next: 100}
			paces := 0
			ids, err := Merge([]*Segment{s}, test.fates, m.create, Limits{}, func() error { paces++; return nil }, nil)
			check(t, err)
			if n := m.copied(); !test.copies(n, int(c.Blocks)) {
				t.Errorf("%d of %d blocks are copied", n, c.Blocks)
			}
			same(t, outputs(t, fsys, ids, Limits{}), slices.DeleteFunc(slices.Clone(items), func(it item) bool { return !test.fates.alive(it) }))
			if gone := test.fates[1].gone; paces < int(c.Blocks)*2/3 != gone {
				t.Errorf("paced %d times for %d blocks", paces, c.Blocks)
			}
		})
	}
}

// TestMergeNothing holds that there is no output if nothing is alive.
func TestMergeNothing(t *testing.T) {
	fsys := newFS(t)
	s := build(t, fsys, 1, bulk(1, 10), NewCache(0))
	m := &merger{fsys: fsys, next: 100}
	ids, err := Merge([]*Segment{s}, fates{1: {gone: true}}, m.create, Limits{}, nil, nil)
	if err != nil || len(ids)+len(m.made) > 0 {
		t.Fatalf("%v, %v, %d made", ids, err, len(m.made))
	}
}

// TestMergeFails holds that nothing remains of a merge that fails: by pace, by
// create, or by inputs in the wrong order.
func TestMergeFails(t *testing.T) {
	stop := errors.New("stop")
	fsys := newFS(t)
	a := build(t, fsys, 1, bulk(1, 3000), NewCache(0))
	b := build(t, fsys, 2, bulk(1, 3000), NewCache(0))
	before := must(fsys.List(testDir))
	limits := Limits{Records: 1000}
	for name, test := range map[string]struct {
		inputs []*Segment
		fail   string
		want   error
	}{
		"pace":   {[]*Segment{a}, "pace", stop},
		"create": {[]*Segment{a}, "create", stop},
		"order":  {[]*Segment{a, b}, "", ErrOrder},
	} {
		t.Run(name, func(t *testing.T) {
			m := &merger{fsys: fsys, next: 100}
			create := func() (*Writer, error) {
				if test.fail == "create" && len(m.made) == 2 {
					return nil, stop
				}
				return m.create()
			}
			pace := func() error {
				if test.fail == "pace" && len(m.made) == 2 {
					return stop
				}
				return nil
			}
			ids, err := Merge(test.inputs, fates{}, create, limits, pace, nil)
			if !errors.Is(err, test.want) || ids != nil || len(m.made) < 2 {
				t.Fatalf("%v, %v, %d made", ids, err, len(m.made))
			}
			if after := must(fsys.List(testDir)); !slices.Equal(after, before) {
				t.Errorf("%v are left, want %v", after, before)
			}
		})
	}
}

// TestMergeSkips holds that only the records of a damaged block are omitted,
// whether it would be copied or encoded again, and that they are reported.
func TestMergeSkips(t *testing.T) {
	items := append(bulk(1, 1000), bulk(2, 20)...)
	for name, live := range map[string]fates{
		"copied":  {},
		"encoded": {1: {deleted: func(seq uint64) bool { return seq%100 == 1 }}},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := newFS(t)
			s := build(t, fsys, 1, items, NewCache(0))
			var e Extent
			check(t, s.Extents(func(x Extent) error { e = cmp.Or(e, x); return nil }))
			p := must(s.Page(context.Background(), &e))
			flip(t, fsys, s.dataFile(), p.Runs[2].block.off+frameSize+9)
			flip(t, fsys, s.dataFile(), p.Runs[len(p.Runs)-1].block.off+frameSize+9) // shared with topic 2
			m := &merger{fsys: fsys, next: 100}
			if _, err := Merge([]*Segment{s}, live, m.create, Limits{}, nil, nil); !isDamage(err) {
				t.Fatalf("without skip: %v", err)
			}
			var found []Damage
			ids, err := Merge([]*Segment{s}, live, m.create, Limits{}, nil, func(d *DamageError) { found = append(found, d.Damage) })
			check(t, err)
			if len(found) != 3 {
				t.Errorf("found %v", found)
			}
			same(t, outputs(t, fsys, ids, Limits{}), slices.DeleteFunc(slices.Clone(items), func(it item) bool {
				return !live.alive(it) || slices.ContainsFunc(found, func(d Damage) bool {
					return it.topic == d.Topic && it.seq >= d.From && it.seq <= d.To
				})
			}))
		})
	}
	t.Run("everything", func(t *testing.T) {
		fsys := newFS(t)
		s := build(t, fsys, 1, bulk(1, 10), NewCache(0))
		flip(t, fsys, s.dataFile(), headerSize+frameSize)
		m := &merger{fsys: fsys, next: 100}
		ids, err := Merge([]*Segment{s}, fates{}, m.create, Limits{}, nil, func(*DamageError) {})
		if err != nil || len(ids) > 0 || len(must(fsys.List(testDir))) != 2 {
			t.Fatalf("%v, %v, %v", ids, err, must(fsys.List(testDir)))
		}
	})
}
