package topics

import (
	"context"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
)

// TestEmptyTag holds that an empty tag is a tag.
func TestEmptyTag(t *testing.T) {
	for _, inSegments := range []bool{false, true} {
		w := newWorld(t)
		w.append("a", &topic.Write{Records: tagged("", "x", "-")})
		if inSegments {
			w.checkpoint(nil)
		}
		b := w.query("a", &topic.Query{Limit: 9, MaxBytes: 99, Match: matches(t, "*")})
		if got := seqs(b); !reflect.DeepEqual(got, run(1, 2)) || b.Records[0].Tag == nil {
			t.Fatalf("in segments %v: read %v", inSegments, got)
		}
		if out := w.deleteRecords("a", 0, "*"); out.Deleted != 2 || out.Earliest != 3 {
			t.Fatalf("in segments %v: %+v", inSegments, out)
		}
	}
}

// taggedRecords returns how many records the topic's tag index holds, including
// those that are not live.
func taggedRecords(t *topic.Topic) (n int) {
	t.Tags.Find(&record.Match{Prefix: true}, 0, math.MaxUint64, func(uint64) { n++ })
	return n
}

// TestEphemeralTagMemory holds that tags go with their records in a topic that
// no checkpoint ever moves.
func TestEphemeralTagMemory(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{Durability: ptr("ephemeral"), CapRecords: ptr(int64(10))})
	for range 310 {
		w.append("a", &topic.Write{Records: tagged("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")})
	}
	if n := taggedRecords(w.catalog.Lookup("a")); n > 2<<10 {
		t.Fatalf("%d tags for 10 records", n)
	}
	w.now++
	w.deleteRecords("a", 1<<40, "")
	if n := taggedRecords(w.catalog.Lookup("a")); n > 0 {
		t.Fatalf("%d tags for no record", n)
	}
}

// TestDamagedCounts holds that a page that cannot be read makes counts wrong,
// but nothing fail: they are right again when nothing is left.
func TestDamagedCounts(t *testing.T) {
	for name, use := range map[string]func(w *world){
		"cap records": func(w *world) { w.patch("a", &record.ConfigPatch{CapRecords: ptr(int64(3))}) },
		"cap bytes":   func(w *world) { w.patch("a", &record.ConfigPatch{CapBytes: ptr(int64(20))}) },
		"before":      func(w *world) { w.deleteRecords("a", 95, "") },
		"one by one": func(w *world) {
			w.deleteRecords("a", 40, "")
			w.deleteRecords("a", 80, "")
			w.deleteRecords("a", 99, "")
		},
		"match": func(w *world) { w.deleteRecords("a", 0, "y") },
		"all":   func(w *world) { w.deleteRecords("a", 1000, "") },
	} {
		test := func(t *testing.T, lost bool) {
			w := newWorld(t, func(w *world) { w.disk.cache = segment.NewCache(0) })
			for i := range 100 {
				r := record.Record{Data: make([]byte, 1+i), Tag: []byte("x")}
				if i == 0 || i == 50 || i == 99 {
					r.Tag = []byte("y")
				}
				w.append("a", &topic.Write{Records: []record.Record{r}})
			}
			w.deleteRecords("a", 0, "x") // three are left, far from each other
			if lost {
				if err := w.shared.Log.WaitSynced(w.shared.Log.Tail()); err != nil {
					t.Fatal(err)
				}
				w.power(1)
				w.write("a", 1)
			}
			w.checkpoint(nil)
			w.write("a", 1)
			w.checkpoint(nil)
			w.write("a", 1)
			w.damagePages("xtnt")
			use(w)
			check := func() {
				t.Helper()
				s := w.state("a")
				if s.Count < 0 || s.Bytes < 0 || (s.Count == 0) != (s.Earliest > s.Head) || s.Count == 0 && s.Bytes != 0 {
					t.Fatalf("%+v", s)
				}
			}
			check()
			w.write("a", 2)
			check()
			w.checkpoint(nil)
			w.restart()
			check()
			w.patch("a", &record.ConfigPatch{CapRecords: ptr(int64(2)), CapBytes: ptr(int64(16))})
			check()
			w.deleteRecords("a", 1<<40, "")
			if check(); w.state("a").Count != 0 || w.Totals().Bytes != 0 || w.Totals().Records != 0 {
				t.Fatalf("%+v", w.state("a"))
			}
			w.write("a", 2)
			check()
		}
		t.Run(name, func(t *testing.T) { test(t, false) })
		t.Run(name+", with a lost range", func(t *testing.T) { test(t, true) })
	}
}

func (w *world) patch(name string, p *record.ConfigPatch) {
	w.t.Helper()
	if _, err := w.Patch(context.Background(), name, p); err != nil {
		w.t.Fatal(err)
	}
}

// TestLongDeletedRun holds that deleted runs which fill bitmap containers end
// where they end, for readers, for the front, and for lost ranges after them.
func TestLongDeletedRun(t *testing.T) {
	for _, front := range []bool{false, true} { // the run begins the topic
		for _, n := range []uint64{66_000, 1<<17 - 1, 1 << 17} { // and ends here
			for _, inSegments := range []bool{false, true} {
				w := newWorld(t, func(w *world) { w.wal.FileBytes, w.wal.QueueBytes = 4<<20, 4<<20 })
				w.disk.limits.Records = 1 << 20
				first := uint64(1)
				if !front {
					w.write("a", 1)
					first = 2
				}
				all := records(int(n))
				for i := range all {
					all[i].Tag = []byte("x")
				}
				w.append("a", &topic.Write{Records: all[first-1:]})
				w.write("a", 3)
				if inSegments {
					w.checkpoint(nil)
				}
				want := run(n+1, n+3)
				if !front {
					want = append([]uint64{1}, want...)
				}
				if out := w.deleteRecords("a", 0, "x"); out.Deleted != int64(n+1-first) || out.Count != int64(len(want)) || out.Earliest != want[0] {
					t.Fatalf("%+v", out)
				}
				for _, from := range []uint64{0, 1, 2, 65_535, 65_536, 65_537, n - 1, n} {
					got := drain(w, "a", from)
					if i, _ := slices.BinarySearch(want, from+1); !reflect.DeepEqual(got, want[i:]) {
						t.Fatalf("front %v, up to %d, in segments %v: from %d: read %v", front, n, inSegments, from, got)
					}
				}
			}
		}
	}
}

// drain reads on from there to the head and returns the seqs.
func drain(w *world, name string, from uint64) (all []uint64) {
	w.t.Helper()
	for {
		b := w.query(name, &topic.Query{From: from, Limit: 1000, MaxBytes: 1 << 20})
		if all = append(all, seqs(b)...); b.NextFrom == b.Head {
			return all
		}
		if b.NextFrom <= from {
			w.t.Fatalf("stuck at %d of %d", from, b.Head)
		}
		from = b.NextFrom
	}
}

// TestDamagedTags holds that a damaged page of tags is reported as damage.
func TestDamagedTags(t *testing.T) {
	w := newWorld(t, func(w *world) { w.disk.cache = segment.NewCache(0) })
	w.append("a", &topic.Write{Records: tagged("x", "y")})
	w.checkpoint(nil)
	w.damagePages("diry")
	if _, err := w.DeleteRecords(context.Background(), "a", &Deletion{Match: matches(t, "x")}); kindOf(err) != record.KindDamaged {
		t.Fatal(err)
	}
	if _, err := w.Read(context.Background(), "a", &topic.Query{Limit: 1, MaxBytes: 1, Match: matches(t, "x")}); kindOf(err) != record.KindDamaged {
		t.Fatal(err)
	}
	w.holds(1, 2)
}

// TestClosedSegments holds that requests which outlast the server end.
func TestClosedSegments(t *testing.T) {
	w := newWorld(t)
	w.append("a", &topic.Write{Records: tagged("x", "y")})
	w.checkpoint(nil)
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.disk.segs {
		s.Release()
	}
	if _, err := w.Read(context.Background(), "a", &topic.Query{Limit: 1, MaxBytes: 1}); kindOf(err) != record.KindClosed {
		t.Fatal(err)
	}
	if _, err := w.Read(context.Background(), "a", &topic.Query{Limit: 1, MaxBytes: 1, Match: matches(t, "x")}); kindOf(err) != record.KindClosed {
		t.Fatal(err)
	}
	if _, err := w.DeleteRecords(context.Background(), "a", &Deletion{Match: matches(t, "x")}); kindOf(err) != record.KindClosed {
		t.Fatal(err)
	}
}
