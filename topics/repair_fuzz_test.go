package topics

import (
	"bytes"
	"context"
	"math"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// emptyLog is a log on a disk in memory.
func emptyLog(t testing.TB) *wal.Log {
	t.Helper()
	fsys := crashfs.New()
	if err := fsys.MkdirAll("/log"); err != nil {
		t.Fatal(err)
	}
	reading, err := wal.Open(wal.Options{
		FS: fsys, Dir: "/log", LogID: 7, FileBytes: 64 << 10, QueueBytes: 1 << 20, CacheBytes: 1 << 20, Manual: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	tail, err := reading.Run(func(wal.Frame) error { return nil }, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	log, err := tail.Open()
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// FuzzMend holds that no sequence of whole frames and gaps makes a mending
// panic or fail, that heads never go back, and that what comes out is a
// registry in order.
func FuzzMend(f *testing.F) {
	var cfg record.Config
	rec := record.AppendRecord(nil, &record.Record{Data: []byte("12")})
	create := &entry.Create{ID: 1, TS: 5, Creation: created("a", &cfg, 9)}
	write := &entry.Append{ID: 1, First: 1, TS: 10, Count: 1, Key: []byte("k"), Records: rec}
	later := &entry.Append{ID: 1, First: 7, TS: 100, Count: 1, Key: []byte("k"), Records: rec}
	other := &entry.Create{ID: 4, TS: 5, Creation: created("a", &cfg, 9)}
	lost := &entry.Lost{ID: 1, From: 10, To: 20, Reason: topic.ReasonCrash}
	config := &entry.Config{ID: 1, TS: 200, Head: 9, Setting: entry.Setting{Config: &cfg, Ceiling: 2000}}
	gap := []byte{0, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}
	f.Add(append(append(scripted(f, create, write), gap...), scripted(f, later, lost)...))
	f.Add(append(append(scripted(f, create), gap...), scripted(f, other, write, config)...))
	f.Add(append(gap, scripted(f, later, config)...))
	f.Add(append(append(scripted(f, create, write), gap...), scripted(f, dedupedScript(rec)...)...))
	for _, e := range routedScript(rec) {
		f.Add(append(append(scripted(f, create, write), gap...), scripted(f, e...)...))
		f.Add(scripted(f, append([]entry.Entry{create, write}, e...)...))
		f.Add(append(slices.Clone(gap), scripted(f, e...)...))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		log := emptyLog(t)
		defer log.Close()
		r := New(Options{Now: func() int64 { return 300 }})
		m := replay.NewRepairer(r.Replay(), log)
		heads := map[uint64]uint64{}
		err := script(p, func(f wal.Frame) error {
			if f.Type == 0 {
				m.Gap(f.LSN, f.End)
				return nil
			}
			err := m.Frame(context.Background(), f)
			for id, tp := range r.catalog.ByID {
				if tp.Head < heads[id] {
					t.Fatalf("topic %d: the head went back from %d to %d", id, heads[id], tp.Head)
				}
				heads[id] = tp.Head
			}
			return err
		})
		if err != nil {
			t.Skip() // frames whose records are malformed: a sound log has none
		}
		checkRouters(t, r)
		lost, _ := m.Finish(1 << 40)
		r.Start(log)
		for _, l := range lost {
			if l.From > l.To || l.Reason != topic.ReasonCorrupt {
				t.Fatalf("%+v", l)
			}
		}
		page, _ := r.List("", "", 1000)
		for _, s := range page {
			tp := r.catalog.Lookup(s.Name)
			if s.Earliest > s.Head+1 || s.Count < 0 || s.Bytes < 0 || tp.Applied != 1<<40 || tp.Assigned < s.Head {
				t.Fatalf("%+v", s)
			}
			for i := 1; i < len(tp.Lost.Ranges); i++ {
				if tp.Lost.Ranges[i].From <= tp.Lost.Ranges[i-1].To {
					t.Fatalf("%+v: lost %+v", s, tp.Lost)
				}
			}
		}
	})
}

// FuzzDescribe holds that states are described or refused.
func FuzzDescribe(f *testing.F) {
	f.Add(stateOf(f))
	f.Fuzz(func(t *testing.T, p []byte) {
		n := 0
		ok := replay.DescribeSnapshot(p, func(s *replay.StoredTopic) error {
			if n++; s.Name == "" || s.Head == math.MaxUint64 {
				t.Fatalf("%+v", s)
			}
			return nil
		})
		if ok == nil && n > len(p) {
			t.Fatalf("%d topics of %d bytes", n, len(p))
		}
		if err := replay.DescribeRouters(p, func(*replay.StoredRouter) error { return nil }); (err == nil) != (ok == nil) {
			t.Fatalf("%v, and for routers %v", ok, err)
		}
		_ = replay.Audit(p, nil, func() error { return nil }, func(f replay.Fault) {
			if f.From > f.To {
				t.Fatalf("%+v", f)
			}
		})
	})
}

// stateOf is the state of a small world.
func stateOf(t testing.TB) []byte {
	var state bytes.Buffer
	log := emptyLog(t)
	defer log.Close()
	r := New(Options{})
	r.Start(log)
	if _, err := r.Put(context.Background(), "a", &record.ConfigPatch{}); err != nil {
		t.Fatal(err)
	}
	_, err := r.Checkpoint().Write(context.Background(), &Sink{Snapshot: &state, Pace: func() error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return state.Bytes()
}
