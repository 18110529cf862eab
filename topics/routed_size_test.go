package topics

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Many routers, in one cycle of thousands and between two topics, are made,
// replaced, refused and removed. What takes more than a look at each of them a
// few times would show: it is done for each.
func TestManyRouters(t *testing.T) {
	if lockorder.Checked {
		t.Skip("it takes millions of locks, which are slow to check")
	}
	const n = 2000
	w := newWorld(t, func(w *world) { w.wal.FileBytes = 8 << 20 })
	cycles := func(s *RouterSpec) { s.AllowCycle = true }
	name := func(i int) string { return fmt.Sprint("c", i) }
	for i := range n {
		w.connect(fmt.Sprint("r", i), name(i), name(i+1), cycles)
	}
	timed := func(what string, f func()) {
		t.Helper()
		began := time.Now()
		f()
		t.Logf("%s took %v", what, time.Since(began))
	}
	timed("a small cycle", func() { w.connect("small", "c1", "c0", cycles) })
	timed("a replaced router", func() { w.connect("small", "c2", "c0", cycles) })
	timed("a big cycle", func() { w.connect("big", name(n), "c0", cycles) })
	timed("a removed router", func() { w.DeleteRouter(context.Background(), "small") })
	timed("another router", func() { w.connect("other", "x", "y") })
	timed("a refused one", func() {
		if _, err := w.PutRouter(context.Background(), "again", specOf(name(n), "c0")); kindOf(err) != record.KindRouterCycle {
			t.Error(err)
		}
	})
	for i := range n {
		w.connect(fmt.Sprint("hub", i), "x", "y")
	}
	timed("a topic with many routers", func() { w.delete("x", false) })
	w.kill()
}

// The marks against looking for each router's own cycle.
func TestMarkCycles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		r := New(Options{})
		ends := make([]*topic.Topic, 2+random.IntN(7))
		for i := range ends {
			ends[i] = topic.New(uint64(i+1), fmt.Sprint(i), r.shared)
		}
		for i := range random.IntN(2 * len(ends)) {
			a, b := random.IntN(len(ends)), random.IntN(len(ends))
			if a != b {
				rt := &router{name: fmt.Sprint(i), source: ends[a], dest: ends[b]}
				r.routers.set(rt, &r.shared.Counters)
				rt.linkLocked()
			}
		}
		r.routers.markCycles()
		cyclic := false
		r.routers.byName.Scan(func(_ string, rt *router) bool {
			want := pathTo(rt.dest, rt.source.Name, nil) != nil
			if cyclic = cyclic || want; rt.cyclic.Load() != want {
				t.Errorf("%s>%s: %v, want %v", rt.source.Name, rt.dest.Name, !want, want)
			}
			return true
		})
		if r.routers.cyclic != cyclic {
			t.Errorf("some: %v, want %v", r.routers.cyclic, cyclic)
		}
	}
}

// However many routers of a topic want different things of it, little is held
// for the others.
func TestExtractsKeepLittle(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.FileBytes, w.wal.CacheBytes = 8<<20, 8<<20 })
	w.put("a", class(record.Disk))
	w.connect("ab", "a", "b")
	rt, _ := w.routers.byName.Get("ab")
	for range 4 {
		w.append("a", &topic.Write{Records: []record.Record{{Data: fmt.Appendf(nil, "%0262144d", 1), Tag: []byte("tag")}}})
	}
	w.checkpoint(nil) // now they are copied
	shared := extracts{log: w.shared.Reader(0), of: map[extractKey]*extract{}}
	for i := range 100 {
		spec := rt.spec
		spec.Filter = matches(t, "tag"[:i%4]+"*")
		for cursor := range uint64(4) {
			if x, err := w.forwarders.extract(rt, &spec, cursor, &shared); err != nil || x.count != int(4-cursor) || len(x.records) < 4-int(cursor) {
				t.Fatal(x, err)
			}
		}
		var kept int64
		for _, x := range shared.of {
			kept += x.bytes
		}
		if kept > maxExtracted || kept != shared.bytes {
			t.Fatalf("%d bytes are kept, and %d counted", kept, shared.bytes)
		}
	}
}
