package topics

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// What a filter passed over is not lost: also when the source has evicted it
// since, and the process died.
func TestPassedOverIsNotLost(t *testing.T) {
	w := newWorld(t)
	w.put("a", &ConfigPatch{CapRecords: ptr(int64(10))})
	w.connect("ab", "a", "b", func(s *RouterSpec) { s.Filter = matches(t, "tno") })
	ctx := context.Background()
	w.send("a", "no")
	w.Forward(ctx)
	for i := range 2000 {
		w.send("a", fmt.Sprint(i))
		w.Forward(ctx)
	}
	w.holdsLines("b", "1 no tno n")
	w.kill()
	w.Forward(ctx)
	w.holdsLines("b", "1 no tno n")
}

// A chain without a cycle may be of any length: the way of a record in it is
// whole in the log and out of it.
func TestLongChain(t *testing.T) {
	const hops = 300 // ids of two bytes among them
	w := newWorld(t)
	name := func(i int) string { return fmt.Sprint("c", i) }
	for i := range hops {
		w.connect(fmt.Sprint("r", i), name(i), name(i+1))
	}
	w.send("c0", "1")
	w.Forward(context.Background())
	w.holdsLines(name(hops), "1 1 t1 n")
	w.kill()
	w.holdsLines(name(hops), "1 1 t1 n")
	w.checkpoint(nil)
	w.send("c0", "2")
	w.Forward(context.Background())
	w.kill()
	w.holdsLines(name(hops), "1 1 t1 n", "2 2 t2 n")
}

// A router that is replaced is there all the time.
func TestReplacedRouterStaysVisible(t *testing.T) {
	w := newWorld(t)
	w.connect("r", "a", "b")
	spec := specOf("a", "c")
	if err := spec.check(); err != nil {
		t.Fatal(err)
	}
	p, err := w.assignRouter("r", &spec)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := w.Router("r"); err != nil || s.Spec.Dest != "c" {
		t.Errorf("%+v, %v", s, err)
	}
	w.append("a", &Write{Records: []Record{{Data: []byte("1")}}})
	if err := w.commitRouter(p); err != nil {
		t.Fatal(err)
	}
	w.holdsLines("c", "1 1  ")
	w.kill()
	w.holdsLines("c", "1 1  ")
	if _, err := w.assignRouter("new", ptr(specOf("a", "d"))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Router("new"); kindOf(err) != KindRouterNotFound {
		t.Error(err)
	}
}

// Why a router waits is told in the words that clients are told everything else
// in, and one that ended waits for nothing.
func TestBlockedSaysNoMoreThanItMay(t *testing.T) {
	w := newWorld(t)
	w.connect("r", "a", "b")
	rt, _ := w.routers.byName.Get("r")
	for _, c := range []struct {
		why  error
		want string
	}{
		{&Error{Kind: KindDamaged, Message: "damaged", Err: errors.New("/data/wal/1")}, "damaged"},
		{errors.New("/data/wal/1"), "internal error"},
		{fmt.Errorf("ending: %w", context.Canceled), ""},
		{errFull(rt.dest), "topic \"b\" is full and rejects"},
		{nil, ""},
		{errDamaged, "internal error"},
	} {
		w.block(rt, c.why)
		n := 0
		if c.want != "" {
			n = 1
		}
		if s, err := w.Router("r"); err != nil || s.Blocked != c.want || w.Stuck(w.now+1) != n || w.Totals().BlockedRouters != n {
			t.Errorf("%v: %+v, %d, %v", c.why, s, w.Stuck(w.now+1), err)
		}
	}
	w.delete("a", false)
	w.block(rt, errDamaged) // by somebody who does not know yet
	if n := w.Totals().BlockedRouters; n != 0 {
		t.Errorf("%d wait", n)
	}
}
