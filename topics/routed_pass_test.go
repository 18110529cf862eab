package topics

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// What a filter passed over is not lost: also when the source has evicted it
// since, and the process died.
func TestPassedOverIsNotLost(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(10))})
	w.connect("ab", "a", "b", func(s *router.Spec) { s.Filter = matches(t, "tno") })
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

// A chain without a cycle may be of any length, and its end costs a record no
// more than its middle.
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
	records, err := w.Read(context.Background(), name(hops), &topic.Query{Limit: 10, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records.Records {
		if n := len(wayOf(&r)); n != paths.MaxHops {
			t.Errorf("a way of %d after %d hops", n, hops)
		}
	}
	// From that far, no record enters a cycle.
	w.connect("back", name(hops), name(hops-1), func(s *router.Spec) { s.AllowCycle = true })
	w.send("c0", "3")
	w.Forward(context.Background())
	w.holdsLines(name(hops-1), "1 1 t1 n", "2 2 t2 n", "3 3 t3 n")
}

// A router that is replaced is there all the time.
func TestReplacedRouterStaysVisible(t *testing.T) {
	w := newWorld(t)
	w.connect("r", "a", "b")
	spec := specOf("a", "c")
	if err := spec.Check(); err != nil {
		t.Fatal(err)
	}
	p, err := w.startRouter("r", &spec)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := w.routing.Router("r"); err != nil || s.Spec.Dest != "b" { // until the other is durable
		t.Errorf("%+v, %v", s, err)
	}
	w.append("a", &topic.Write{Records: []record.Record{{Data: []byte("1")}}})
	if err := w.routing.commitRouter(p); err != nil {
		t.Fatal(err)
	}
	if s, err := w.routing.Router("r"); err != nil || s.Spec.Dest != "c" {
		t.Errorf("%+v, %v", s, err)
	}
	w.holdsLines("c", "1 1  ")
	w.kill()
	w.holdsLines("c", "1 1  ")
	if _, err := w.startRouter("new", ptr(specOf("a", "d"))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.routing.Router("new"); kindOf(err) != record.KindRouterNotFound {
		t.Error(err)
	}
}

// The reason of a blocked router has the words that clients get for everything else
// in, and one that ended waits for nothing.
func TestBlockedSaysNoMoreThanItMay(t *testing.T) {
	w := newWorld(t)
	w.connect("r", "a", "b")
	rt, _ := w.routers.ByName.Get("r")
	for _, c := range []struct {
		why  error
		want string
	}{
		{&record.Error{Kind: record.KindDamaged, Message: "damaged", Err: errors.New("/data/wal/1")}, "damaged"},
		{errors.New("/data/wal/1"), "internal error"},
		{fmt.Errorf("ending: %w", context.Canceled), ""},
		{topic.ErrFull(rt.Dest), "topic \"b\" is full and rejects"},
		{nil, ""},
		{index.ErrDamaged, "internal error"},
	} {
		w.forwarders.Block(rt, c.why)
		n := 0
		if c.want != "" {
			n = 1
		}
		if s, err := w.routing.Router("r"); err != nil || s.Blocked != c.want || w.Stuck(w.now+1) != n || w.Totals().BlockedRouters != n {
			t.Errorf("%v: %+v, %d, %v", c.why, s, w.Stuck(w.now+1), err)
		}
	}
	w.delete("a", false)
	w.forwarders.Block(rt, index.ErrDamaged) // by a goroutine that does not know yet
	if n := w.Totals().BlockedRouters; n != 0 {
		t.Errorf("%d wait", n)
	}
}

// A router that waits for room that there will never be says so.
func TestBlockedByOneRecord(t *testing.T) {
	w := newWorld(t)
	w.put("b", &record.ConfigPatch{CapBytes: ptr(int64(4)), Discard: ptr("reject")})
	w.connect("ab", "a", "b")
	ctx := context.Background()
	for _, c := range []struct{ send, want string }{
		{"1234", ""},
		{"5", `topic "b" is full and rejects`},
		{"6789", `topic "b" is full and rejects`},
		{"67890", `seq 4 of topic "a" has 5 bytes, and topic "b" rejects what is over its cap_bytes, 4`},
	} {
		w.send("a", c.send)
		w.Forward(ctx)
		if s, err := w.routing.Router("ab"); err != nil || s.Blocked != c.want {
			t.Errorf("%q, %v; want %q", s.Blocked, err, c.want)
		}
		if c.want != "" {
			if _, err := w.DeleteRecords(ctx, "b", &Deletion{Before: ptr(uint64(9))}); err != nil {
				t.Fatal(err)
			}
			w.Forward(ctx)
		}
	}
	w.put("b", &record.ConfigPatch{})
	w.Forward(ctx)
	w.holdsLines("b", "4 67890 t67890 n")
}

// A router waits since it began to, for whatever it does by now.
func TestStuckSince(t *testing.T) {
	w := newWorld(t)
	w.connect("r", "a", "b")
	rt, _ := w.routers.ByName.Get("r")
	began := w.now
	for _, why := range []error{topic.ErrFull(rt.Dest), index.ErrDamaged, index.ErrDamaged} {
		w.forwarders.Block(rt, why)
		if w.Stuck(began) != 0 || w.Stuck(began+1) != 1 {
			t.Errorf("%v: %d, %d", why, w.Stuck(began), w.Stuck(began+1))
		}
		w.now += 1000
	}
	w.forwarders.Block(rt, nil)
	w.forwarders.Block(rt, index.ErrDamaged)
	if w.Stuck(began+1) != 0 || w.Stuck(w.now+1) != 1 {
		t.Errorf("%d, %d", w.Stuck(began+1), w.Stuck(w.now+1))
	}
}
