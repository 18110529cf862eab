package topics

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Many routers, in one cycle of thousands and between two topics, are made,
// replaced, refused and removed. What takes more than a look at each of them a
// few times would show: it is done for each.
func TestManyRouters(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	if lockorder.Checked {
		t.Skip("it takes millions of locks, which are slow to check")
	}
	const n = 2000
	w := newWorld(t, func(w *world) { w.wal.FileBytes = 8 << 20 })
	cycles := func(s *router.Spec) { s.AllowCycle = true }
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
	timed("a removed router", func() { w.routing.DeleteRouter(context.Background(), "small") })
	timed("another router", func() { w.connect("other", "x", "y") })
	timed("a refused one", func() {
		if _, err := w.routing.PutRouter(context.Background(), "again", specOf(name(n), "c0")); kindOf(err) != record.KindRouterCycle {
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
				rt := &router.Router{Name: fmt.Sprint(i), Source: ends[a], Dest: ends[b]}
				r.routers.Set(rt, &r.shared.Counters)
				rt.LinkLocked()
			}
		}
		r.routers.MarkCycles()
		cyclic := false
		r.routers.ByName.Scan(func(_ string, rt *router.Router) bool {
			want := router.PathTo(rt.Dest, rt.Source.Name, nil) != nil
			if cyclic = cyclic || want; rt.Cyclic.Load() != want {
				t.Errorf("%s>%s: %v, want %v", rt.Source.Name, rt.Dest.Name, !want, want)
			}
			return true
		})
		if r.routers.Cyclic != cyclic {
			t.Errorf("some: %v, want %v", r.routers.Cyclic, cyclic)
		}
	}
}

// However many routers of a topic want different things of it, little is held
// for the others.
func TestExtractsKeepLittle(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.FileBytes, w.wal.CacheBytes = 8<<20, 8<<20 })
	w.put("a", class(record.Disk))
	w.connect("ab", "a", "b")
	rt, _ := w.routers.ByName.Get("ab")
	for range 4 {
		w.append("a", &topic.Write{Records: []record.Record{{Data: fmt.Appendf(nil, "%0262144d", 1), Tag: []byte("tag")}}})
	}
	w.checkpoint(nil) // now they are copied
	shared := router.Extracts{Log: w.shared.Reader(0), Of: map[router.ExtractKey]*router.Extract{}}
	for i := range 100 {
		spec := rt.Spec
		spec.Filter = matches(t, "tag"[:i%4]+"*")
		for cursor := range uint64(4) {
			if x, err := w.forwarders.Extract(rt, &spec, cursor, &shared); err != nil || x.Count != int(4-cursor) || len(x.Records) < 4-int(cursor) {
				t.Fatal(x, err)
			}
		}
		var kept int64
		for _, x := range shared.Of {
			kept += x.Bytes
		}
		if kept > router.MaxExtracted || kept != shared.Bytes {
			t.Fatalf("%d bytes are kept, and %d counted", kept, shared.Bytes)
		}
	}
}
