package topics

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
)

// A router that is changed goes on where it is, also after a crash: what it
// passed over does not come under what it is now.
func TestChangedRouterGoesOn(t *testing.T) {
	w := newWorld(t)
	w.connect("ab", "a", "b", func(s *router.Spec) { s.Filter = matches(t, "t9") })
	w.send("a", "1", "2")
	w.Forward(context.Background())
	w.connect("ab", "a", "b")
	for range 2 {
		w.kill()
		w.Forward(context.Background())
		w.holdsLines("b")
		if s, err := w.routing.Router("ab"); err != nil || s.Lag != 0 || s.Forwarded != 0 || s.Spec.Filter != nil {
			t.Fatalf("%+v, %v", s, err)
		}
		w.checkpoint(nil)
	}
	w.send("a", "3")
	w.holdsLines("b", "1 3 t3 n")
}

// A router with another source is another one: it begins at the head there.
func TestAnotherSource(t *testing.T) {
	w := newWorld(t)
	w.connect("r", "a", "b")
	w.send("c", "1")
	w.connect("r", "c", "b")
	w.send("a", "2")
	w.send("c", "3")
	for range 2 {
		w.holdsLines("b", "1 3 t3 n")
		w.kill()
	}
}

// No limit is passed by a router, or by the topics that come with it, and what
// is refused leaves nothing.
func TestRouterLimits(t *testing.T) {
	w := newWorld(t, func(w *world) { w.opt.MaxRouters, w.opt.MaxTopics = 2, 5 })
	refuses := func(name, source, dest, limit string) {
		t.Helper()
		before := w.Totals()
		var e *record.Error
		_, err := w.routing.PutRouter(context.Background(), name, specOf(source, dest))
		if !errors.As(err, &e) || e.Kind != record.KindThrottled || e.Detail["limit"] != limit {
			t.Errorf("%s: %v", name, err)
		}
		if after := w.Totals(); after.Topics != before.Topics || after.Routers != before.Routers {
			t.Errorf("%s: %+v", name, after)
		}
	}
	w.connect("ab", "a", "b")
	w.write("c", 1)
	w.write("d", 1)
	refuses("xy", "x", "y", "max_topics")
	w.connect("ex", "d", "x") // one of them fits
	refuses("ac", "a", "c", "max_routers")
	w.connect("ex", "d", "c") // one takes the place of another
	if _, _, err := w.routing.DeleteRouter(context.Background(), "ab"); err != nil {
		t.Fatal(err)
	}
	w.connect("ac", "a", "c")
}

// A full disk refuses a router, and a change of one, which then is what it was;
// it refuses no end.
func TestRouterOnAFullDisk(t *testing.T) {
	w := newWorld(t)
	w.connect("ab", "a", "b")
	w.write("c", 1)
	w.fill("c")
	for _, spec := range []router.Spec{
		specOf("a", "b", func(s *router.Spec) { s.PreserveTag = false }), specOf("a", "c"), specOf("x", "y"),
	} {
		if _, err := w.routing.PutRouter(context.Background(), "ab", spec); kindOf(err) != record.KindNoSpace {
			t.Errorf("%+v: %v", spec, err)
		}
	}
	for range 2 {
		want := specOf("a", "b")
		want.Guarantee = router.AtLeastOnce
		if s, err := w.routing.Router("ab"); err != nil || !s.Spec.Equal(&want) || w.Totals().Topics != 3 {
			t.Fatalf("%+v, %v, %+v", s, err, w.Totals())
		}
		w.kill()
	}
	if deleted, _, err := w.routing.DeleteRouter(context.Background(), "ab"); !deleted || err != nil {
		t.Fatal(deleted, err)
	}
	w.kill()
	if _, err := w.routing.Router("ab"); kindOf(err) != record.KindRouterNotFound {
		t.Fatal(err)
	}
}

// A cycle is one for as long as its topics are there.
func TestCycleIsOpened(t *testing.T) {
	ctx := context.Background()
	for what, open := range map[string]func(*world){
		"a topic's end":       func(w *world) { w.delete("c", false) },
		"a router's end":      func(w *world) { w.routing.DeleteRouter(ctx, "ca") },
		"another destination": func(w *world) { w.connect("ca", "c", "d") },
	} {
		w := newWorld(t)
		w.connect("ab", "a", "b")
		w.connect("bc", "b", "c")
		w.connect("ca", "c", "a", func(s *router.Spec) { s.AllowCycle = true })
		ab, _ := w.routers.ByName.Get("ab")
		if !ab.Cyclic.Load() || !w.routers.Cyclic {
			t.Fatal("there is no cycle")
		}
		if open(w); ab.Cyclic.Load() || w.routers.Cyclic {
			t.Errorf("%s leaves the cycle closed", what)
		}
		w.kill()
		if ab, _ = w.routers.ByName.Get("ab"); ab.Cyclic.Load() || w.routers.Cyclic {
			t.Errorf("%s: a start closes the cycle", what)
		}
	}
}

// A router begins in the background with what came while it was being made.
func TestRouterBeginsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.wal.Manual = false })
		w.RunSweeper()
		w.put("a", &record.ConfigPatch{})
		w.put("b", &record.ConfigPatch{})
		spec := specOf("a", "b")
		if err := spec.Check(); err != nil {
			t.Fatal(err)
		}
		p, err := w.startRouter("ab", &spec)
		if err != nil {
			t.Fatal(err)
		}
		w.send("a", "1")
		synctest.Wait()
		if got := w.shown("b"); got != nil {
			t.Errorf("%q is there", got)
		}
		if err := w.routing.commitRouter(p); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.shown("b"); !slices.Equal(got, []string{"1 1"}) {
			t.Errorf("%q is there", got)
		}
		if err := errors.Join(w.Close(context.Background()), w.shared.Log.Close()); err != nil {
			t.Fatal(err)
		}
	})
}
