package topics

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// route makes a router and returns what it answered.
func (w *world) connect(name, source, dest string, change ...func(*router.Spec)) RouterPut {
	w.t.Helper()
	out, err := w.routing.PutRouter(context.Background(), name, specOf(source, dest, change...))
	if err != nil {
		w.t.Fatalf("put router %s: %v", name, err)
	}
	return out
}

func specOf(source, dest string, change ...func(*router.Spec)) router.Spec {
	spec := router.Spec{Source: source, Dest: dest, PreserveNode: true, PreserveTag: true, CreateDest: true}
	for _, f := range change {
		f(&spec)
	}
	return spec
}

// lines are a topic's records as text: seq, data, tag, node.
func (w *world) lines(name string) (out []string) {
	w.t.Helper()
	from := uint64(0)
	for {
		b := w.query(name, &topic.Query{From: from, Limit: 1000, MaxBytes: 1 << 20})
		if s := b.Tombstone; s != nil {
			out = append(out, fmt.Sprintf("lost %d-%d %s", s.GapFrom, s.GapTo, s.Reason))
		}
		for _, r := range b.Records {
			out = append(out, fmt.Sprintf("%d %s %s %s", r.Seq, r.Data, r.Tag, r.Node))
		}
		if from = b.NextFrom; from >= b.Head {
			return out
		}
	}
}

func (w *world) send(name string, texts ...string) {
	w.t.Helper()
	wr := &topic.Write{}
	for _, s := range texts {
		wr.Records = append(wr.Records, record.Record{Data: []byte(s), Tag: []byte("t" + s), Node: []byte("n")})
	}
	w.append(name, wr)
}

func (w *world) holdsLines(name string, want ...string) {
	w.t.Helper()
	if got := w.lines(name); !slices.Equal(got, want) {
		w.t.Fatalf("%s: got %q, want %q", name, got, want)
	}
}

func TestForward(t *testing.T) {
	w := newWorld(t)
	w.send("a", "0")
	if out := w.connect("a>b", "a", "b"); !out.Created {
		t.Fatal("not created")
	}
	w.connect("bare", "a", "c", func(s *router.Spec) { s.PreserveNode, s.PreserveTag = false, false })
	w.connect("some", "a", "d", func(s *router.Spec) { s.Filter = matches(t, "t2*") })
	w.connect("on", "b", "e")
	w.send("a", "1", "2")
	w.send("a", "3", "22")
	check := func() {
		t.Helper()
		w.holdsLines("b", "1 1 t1 n", "2 2 t2 n", "3 3 t3 n", "4 22 t22 n")
		w.holdsLines("c", "1 1  ", "2 2  ", "3 3  ", "4 22  ")
		w.holdsLines("d", "1 2 t2 n", "2 22 t22 n")
		w.holdsLines("e", "1 1 t1 n", "2 2 t2 n", "3 3 t3 n", "4 22 t22 n")
		s, err := w.routing.Router("some")
		if err != nil || s.Forwarded != 2 || s.Lag != 0 {
			t.Fatal(s, err)
		}
	}
	check()
	for _, how := range []string{"kill", "restart", "checkpoint", "kill", "checkpoint", "restart"} {
		switch how {
		case "kill":
			w.kill()
		case "restart":
			w.restart()
		case "checkpoint":
			w.checkpoint(nil)
		}
		check()
	}
	w.send("a", "4")
	w.holdsLines("e", "1 1 t1 n", "2 2 t2 n", "3 3 t3 n", "4 22 t22 n", "5 4 t4 n")
	w.kill()
	w.holdsLines("e", "1 1 t1 n", "2 2 t2 n", "3 3 t3 n", "4 22 t22 n", "5 4 t4 n")
}

// What lies before a checkpoint's start may be gone when the frame is replayed.
func TestReferencesBehindACheckpoint(t *testing.T) {
	w := newWorld(t)
	w.connect("a>b", "a", "b")
	for i := range 20 {
		w.send("a", fmt.Sprint(i))
		if i%3 == 0 {
			w.checkpoint(nil)
		}
		if i%2 == 0 {
			w.holdsLines("b", w.lines("a")...)
		}
	}
	w.holdsLines("b", w.lines("a")...)
	referred := 0
	w.kill()
	w.eachFrame(func(f wal.Frame) {
		d, err := entry.Describe(f.Type, f.Payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range d.Runs {
			referred++
			if f.LSN >= w.disk.start && wal.LSN(u.LSN) < w.disk.start {
				t.Fatalf("the frame at %d refers to %d, before %d", f.LSN, u.LSN, w.disk.start)
			}
		}
	})
	if referred == 0 {
		t.Fatal("no frame refers to another")
	}
	w.holdsLines("b", w.lines("a")...)
}

// eachFrame calls f with every frame of the log.
func (w *world) eachFrame(f func(wal.Frame)) {
	w.t.Helper()
	o := w.wal
	o.FS = w.fs
	replay, err := wal.Inspect(o)
	if err == nil {
		_, err = replay.Salvage(func(fr wal.Frame) error { f(fr); return nil }, func(*wal.CorruptionError) error { return nil })
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestCycle(t *testing.T) {
	w := newWorld(t)
	w.connect("ab", "a", "b")
	w.connect("bc", "b", "c")
	_, err := w.routing.PutRouter(context.Background(), "ca", specOf("c", "a"))
	if kindOf(err) != record.KindRouterCycle || fmt.Sprint(err.(*record.Error).Detail["cycle"]) != "[c a b c]" {
		t.Fatal(err, err.(*record.Error).Detail)
	}
	w.connect("ca", "c", "a", func(s *router.Spec) { s.AllowCycle = true })
	// It closes the cycle, not those that were there before.
	w.connect("ab", "a", "b")
	w.connect("bc", "b", "c", func(s *router.Spec) { s.Filter = matches(t, "t*") })
	if _, err = w.routing.PutRouter(context.Background(), "ca", specOf("c", "a")); kindOf(err) != record.KindRouterCycle {
		t.Fatal(err)
	}
	w.send("a", "1")
	w.send("b", "2")
	for range 2 {
		w.Forward(context.Background())
		w.holdsLines("a", "1 1 t1 n", "2 2 t2 n")
		w.holdsLines("b", "1 2 t2 n", "2 1 t1 n")
		w.holdsLines("c", "1 2 t2 n", "2 1 t1 n")
		w.checkpoint(nil)
		w.kill()
	}
}

func TestRouterCascade(t *testing.T) {
	w := newWorld(t)
	w.connect("ab", "a", "b")
	w.connect("bc", "b", "c")
	w.connect("dc", "d", "c")
	out, err := w.Delete(context.Background(), "b", false)
	if err != nil || !out.Deleted || !slices.Equal(out.Routers, []string{"ab", "bc"}) {
		t.Fatal(out, err)
	}
	for range 2 {
		page, more := w.routing.Routers("", "", "", "", 10)
		if len(page) != 1 || more || page[0].Name != "dc" {
			t.Fatal(page, more)
		}
		w.kill()
	}
}

func TestFullDestination(t *testing.T) {
	w := newWorld(t)
	w.put("b", &record.ConfigPatch{CapRecords: ptr(int64(2)), Discard: ptr(string(record.DiscardReject))})
	w.connect("ab", "a", "b")
	w.send("a", "1", "2", "3")
	w.holdsLines("b", "1 1 t1 n", "2 2 t2 n")
	if s, err := w.routing.Router("ab"); err != nil || s.Blocked == "" || s.Lag != 1 {
		t.Fatal(s, err)
	}
	w.deleteRecords("b", 2, "")
	w.Forward(context.Background())
	w.holdsLines("b", "2 2 t2 n", "3 3 t3 n")
	if s, err := w.routing.Router("ab"); err != nil || s.Blocked != "" || s.Lag != 0 {
		t.Fatal(s, err)
	}
	w.kill()
	w.holdsLines("b", "2 2 t2 n", "3 3 t3 n")
}

func TestSourceTrim(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(2))})
	w.connect("ab", "a", "b")
	w.send("a", "1", "2")
	w.send("a", "3", "4")
	w.send("a", "5")
	w.Forward(context.Background())
	want := []string{"lost 1-3 source_trim", "4 4 t4 n", "5 5 t5 n"}
	w.holdsLines("b", want...)
	w.kill()
	w.holdsLines("b", want...)
	w.checkpoint(nil)
	w.kill()
	w.holdsLines("b", want...)
}

// Where there is no cycle a record goes on for as long as there are routers; in
// one it is forwarded 16 times.
func TestHops(t *testing.T) {
	const ring = 20
	name := func(i int) string { return fmt.Sprint("t", i%ring) }
	w := newWorld(t)
	for i := range ring - 1 {
		w.connect(fmt.Sprint("r", i), name(i), name(i+1))
	}
	at := func() (n int) {
		w.Forward(context.Background())
		for i := range ring {
			n += int(w.state(name(i)).Count)
		}
		return n
	}
	w.send(name(0), "1")
	if n := at(); n != ring {
		t.Fatalf("a chain of %d topics has the record %d times", ring, n)
	}
	w.connect("last", name(ring-1), name(0), func(s *router.Spec) { s.AllowCycle = true })
	w.kill()
	w.send(name(0), "2")
	if n := at(); n != ring+1+paths.MaxHops {
		t.Fatalf("%d records, want %d", n, ring+1+paths.MaxHops)
	}
	if _, _, err := w.routing.DeleteRouter(context.Background(), "last"); err != nil {
		t.Fatal(err)
	}
	w.send(name(0), "3")
	if n := at(); n != ring+1+paths.MaxHops+ring {
		t.Fatalf("%d records, want %d", n, ring+1+paths.MaxHops+ring)
	}
}

// What a router passed over is not lost on its way, though the source evicts it
// and the process is killed.
func TestPassedOver(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(2)), Durability: ptr("fsync")})
	w.put("b", class(record.Fsync))
	w.connect("ab", "a", "b", func(s *router.Spec) { s.Filter = matches(t, "t9") })
	w.send("a", "1", "2")
	w.Forward(context.Background())
	w.Sweep(context.Background())
	frames := w.shared.Log.Stats().Frames
	if w.Sweep(context.Background()); w.shared.Log.Stats().Frames != frames {
		t.Fatal("what is noted is noted again")
	}
	w.send("a", "3", "9")
	w.kill()
	w.holdsLines("b", "1 9 t9 n")
}
