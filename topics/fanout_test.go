package topics

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

func limitWays(most int) func(*world) {
	return func(w *world) { w.opt.MaxRouterWays, w.wal.FileBytes = most, 8<<20 }
}

func cycles(s *router.Spec) { s.AllowCycle = true }

// fanout is a refusal for too many ways, or nil for none.
func (w *world) fanout(name, source, dest string, change ...func(*router.Spec)) *record.Error {
	w.t.Helper()
	_, err := w.routing.PutRouter(context.Background(), name, specOf(source, dest, change...))
	if err == nil {
		return nil
	}
	e := new(record.Error)
	if !errors.As(err, &e) || e.Kind != record.KindRouterFanout {
		w.t.Fatalf("router %s: %v", name, err)
	}
	return e
}

// TestWaysOfLayers holds that layers of topics, each with routers to all of the
// next, come to an end where a record's copies would be too many, that what
// was refused leaves nothing, and that a chain and a star may go on.
func TestWaysOfLayers(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	const most = 1024
	w := newWorld(t, limitWays(most))
	name := func(layer, i int) string { return fmt.Sprintf("l%02d.%d", layer, i) }
	made := 0
	for layer := range 11 {
		for i := range 4 {
			called := fmt.Sprintf("%02d.%d", layer, i)
			e := w.fanout(called, name(layer, i/2), name(layer+1, i%2))
			if layer < 10 {
				if made++; e != nil {
					t.Fatalf("layer %d: %v", layer, e)
				}
				continue
			}
			// A way further is no way more; the second from one topic is.
			if i%2 == 1 && layer == 10 && (e == nil || e.Detail["max"] != uint64(most) || e.Detail["ways"] != uint64(most+1)) {
				t.Fatalf("layer %d, %d: %+v", layer, i, e)
			}
			if e == nil {
				made++
			}
		}
	}
	if got := w.Totals().Routers; got != made || made != 42 {
		t.Errorf("%d routers, %d were made", got, made)
	}
	if s, err := w.State(name(11, 1), false); kindOf(err) != record.KindNotFound {
		t.Errorf("a refused router left %+v, %v", s, err)
	}
	w.append(name(0, 0), &topic.Write{Records: records(1)})
	w.Forward(context.Background())
	if n := w.Totals().Records; n != 1+2*(most-1)+most {
		t.Errorf("%d records of one", n)
	}

	for i := range 3000 {
		if e := w.fanout(fmt.Sprint("chain", i), fmt.Sprint("c", i), fmt.Sprint("c", i+1)); e != nil {
			t.Fatal(e)
		}
	}
	for i := range most {
		if e := w.fanout(fmt.Sprint("star", i), "s", fmt.Sprint("s", i)); e != nil {
			t.Fatal(e)
		}
	}
	if e := w.fanout("more", "s", "more"); e == nil || e.Detail["topic"] != "s" {
		t.Errorf("%+v", e)
	}
	if e := w.fanout("before", "before", "s"); e != nil {
		t.Errorf("a way that is longer: %+v", e)
	}
	if e := w.fanout("before2", "before", "more"); e == nil || e.Detail["topic"] != "before" {
		t.Errorf("%+v", e)
	}
	// Another router in the place of one of them is none more.
	if e := w.fanout("star0", "s", "other"); e != nil {
		t.Error(e)
	}
	if _, _, err := w.routing.DeleteRouter(context.Background(), "star1"); err != nil {
		t.Fatal(err)
	}
	if e := w.fanout("more", "s", "more"); e != nil {
		t.Error(e)
	}
}

// TestWaysOfAMesh holds that topics which all lead to all others are refused
// early, whatever allow_cycle says.
func TestWaysOfAMesh(t *testing.T) {
	w := newWorld(t, limitWays(1024))
	made := 0
	for i := range 12 {
		for j := range 12 {
			if i != j && w.fanout(fmt.Sprint(i, ">", j), fmt.Sprint("m", i), fmt.Sprint("m", j), cycles) == nil {
				made++
			}
		}
	}
	w.append("m0", &topic.Write{Records: records(1)})
	w.Forward(context.Background())
	if n := w.Totals().Records; n > 1024*paths.MaxHops || made < 12 {
		t.Errorf("%d routers make %d records of one", made, n)
	}
}

// TestWaysThatAreThere holds that routers which exceed the bound go on after a
// start that brings it, and that those whose ends stay may be changed.
func TestWaysThatAreThere(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.connect(fmt.Sprint("r", i), "a", fmt.Sprint("b", i))
	}
	w.opt.MaxRouterWays = 3
	w.restart()
	w.append("a", &topic.Write{Records: records(1)})
	w.Forward(context.Background())
	w.holdsLines("b4", "1 00000000  ")
	for range 2 {
		if e := w.fanout("r0", "a", "b0", func(s *router.Spec) { s.PreserveTag = false }); e != nil {
			t.Error(e)
		}
	}
	if e := w.fanout("r5", "a", "b5"); e == nil {
		t.Error("one more was made")
	}
	if e := w.fanout("elsewhere", "c", "d"); e != nil {
		t.Error(e)
	}
	// Where a cycle is the trouble, that is said.
	if _, err := w.routing.PutRouter(context.Background(), "back", specOf("b0", "a")); kindOf(err) != record.KindRouterCycle {
		t.Error(err)
	}
}

// walk counts the ways of a record that came to t by path, as records go them.
func walk(t *topic.Topic, path []byte, most uint64) (n uint64) {
	for _, rt := range router.Outgoing(t) {
		if path, ok := rt.ExtendPath(path); ok {
			n += walk(rt.Dest, path, most)
		}
		if n > most {
			return most + 1
		}
	}
	return max(n, 1)
}

// TestWaysAgainstWalks holds the count against going every way, in small random
// graphs, some with cycles that are longer than a record goes.
func TestWaysAgainstWalks(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	random := rand.New(rand.NewPCG(3, 4))
	over, cyclic := 0, 0
	for range 3000 {
		r := New(Options{})
		ends := make([]*topic.Topic, 2+random.IntN(24))
		for i := range ends {
			ends[i] = topic.New(uint64(i+1), fmt.Sprint(i), r.shared)
		}
		join := func(a, b int) {
			if a != b {
				rt := &router.Router{Name: fmt.Sprint(r.routers.ByName.Len()), Source: ends[a], Dest: ends[b]}
				r.routers.Set(rt, &r.shared.Counters)
				rt.LinkLocked()
			}
		}
		if random.IntN(3) == 0 {
			for i := range ends {
				join(i, (i+1)%len(ends))
			}
		}
		for range random.IntN(2 * len(ends)) {
			join(random.IntN(len(ends)), random.IntN(len(ends)))
		}
		r.routers.MarkCycles()
		most := uint64(1 + random.IntN(500))
		g := router.GraphOf(r.routers.Forwarding())
		c := g.Counter(most)
		for _, end := range ends {
			n, known := g.Number(end.ID)
			if !known {
				continue
			}
			want := walk(end, nil, most)
			if got := c.From(n, 0); got != want {
				t.Fatalf("%d ways from %s, want %d", got, end.Name, want)
			}
			if want > most {
				over++
			}
			// Who cannot come to a topic does not go by routers from it.
			behind := map[int]bool{}
			for _, from := range c.Sources(n) {
				behind[from] = true
			}
			for _, from := range ends {
				if number, known := g.Number(from.ID); known && comesTo(from, end, nil) && !behind[number] {
					t.Fatalf("%s comes to %s, and is no source of it", from.Name, end.Name)
				}
			}
		}
		if r.routers.Cyclic {
			cyclic++
		}
	}
	if over < 100 || cyclic < 100 {
		t.Errorf("%d counts were over the bound, %d graphs had cycles", over, cyclic)
	}
}

// comesTo reports whether a record at t, which came by path, may come to another
// topic. It gives up after many steps.
func comesTo(t, dest *topic.Topic, path []byte) bool {
	steps := 0
	var try func(t *topic.Topic, path []byte) bool
	try = func(t *topic.Topic, path []byte) bool {
		if t == dest {
			return true
		}
		for _, rt := range router.Outgoing(t) {
			if steps++; steps > 500 {
				return false
			}
			if path, ok := rt.ExtendPath(path); ok && try(rt.Dest, path) {
				return true
			}
		}
		return false
	}
	return try(t, path)
}
