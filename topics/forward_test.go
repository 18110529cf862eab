package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// shown are a topic's records as it shows them now, without waking its routers.
func (w *world) shown(name string) (out []string) {
	w.t.Helper()
	for q := (topic.Query{Limit: 1 << 16, MaxBytes: 1 << 20, Behind: true}); ; {
		b := w.query(name, &q)
		for _, r := range b.Records {
			out = append(out, fmt.Sprintf("%d %s", r.Seq, r.Data))
		}
		if q.From = b.NextFrom; q.From >= b.Head {
			return out
		}
	}
}

// What a router took has no place at the destination any more once someone
// else was faster, or one of the three is not what it was.
func TestStepIsTakenOnce(t *testing.T) {
	ctx := context.Background()
	for what, between := range map[string]func(*world){
		"another step":             func(w *world) { w.Forward(ctx) },
		"the router's end":         func(w *world) { w.routing.DeleteRouter(ctx, "ab") },
		"another destination":      func(w *world) { w.connect("ab", "a", "c") },
		"the end of a destination": func(w *world) { w.delete("b", false) },
		"the end of the source":    func(w *world) { w.delete("a", false) },
	} {
		w := newWorld(t)
		w.connect("ab", "a", "b")
		w.send("a", "1", "2")
		rt, _ := w.routers.ByName.Get("ab")
		shared := router.Extracts{Log: w.shared.Reader(0), Of: map[router.ExtractKey]*router.Extract{}}
		x, err := w.forwarders.Extract(rt, &rt.Spec, rt.Cursor, &shared)
		if err != nil || x.Count != 2 {
			t.Fatal(x, err)
		}
		between(w)
		assigned, frames := rt.Dest.Assigned, w.shared.Log.Stats().Frames
		if f, err := w.forwarders.AssignForward(w.slot(), rt, x); f != nil || err != nil {
			t.Errorf("%s: %+v, %v", what, f, err)
		}
		if rt.Dest.Assigned != assigned || w.shared.Log.Stats().Frames != frames {
			t.Errorf("%s: it is at the destination all the same", what)
		}
	}
}

// A router that is not durable yet forwards nothing, though its ends are there:
// after a crash its copies would have come from nowhere.
func TestRouterBeginsDurable(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{})
	w.put("b", class(record.Memory))
	spec := specOf("a", "b")
	if err := spec.Check(); err != nil {
		t.Fatal(err)
	}
	p, err := w.startRouter("ab", &spec)
	if err != nil {
		t.Fatal(err)
	}
	w.send("a", "1")
	w.Forward(context.Background())
	if got := w.shown("b"); got != nil {
		t.Fatalf("%q is there", got)
	}
	if err := w.routing.commitRouter(p); err != nil {
		t.Fatal(err)
	}
	w.Forward(context.Background())
	if got := w.shown("b"); !slices.Equal(got, []string{"1 1"}) {
		t.Fatalf("%q is there", got)
	}
}

// backlog fills a topic with more than one turn of its routers takes.
func (w *world) backlog(name string) (records int) {
	w.t.Helper()
	const each = router.ForwardRecords
	for range router.ForwardRounds + 2 {
		wr := &topic.Write{Records: make([]record.Record, each), DisableBackpressure: true}
		for i := range wr.Records {
			wr.Records[i].Data = []byte("1")
		}
		w.append(name, wr)
		records += each
	}
	return records
}

// A backlog of any length is forwarded to its end, also when nothing comes
// after it, and when it is of the last start.
func TestBacklog(t *testing.T) {
	w := newWorld(t)
	w.connect("ab", "a", "b")
	w.connect("cd", "c", "d")
	n := w.backlog("a")
	w.Forward(context.Background())
	if s := w.state("b"); s.Head != uint64(n) {
		t.Errorf("%d of %d are there", s.Head, n)
	}
	n += w.backlog("a")
	w.send("c", "1")
	w.checkpoint(nil) // the next start meets no frame of the backlog
	w.kill()
	w.Forward(context.Background())
	if s := w.state("b"); s.Head != uint64(n) {
		t.Errorf("after a start %d of %d are there", s.Head, n)
	}
	if got := w.shown("d"); !slices.Equal(got, []string{"1 1"}) {
		t.Errorf("after a start %q is there", got)
	}
}

// What the process had not forwarded is forwarded in the background of the next,
// without a write, or a read that waits for it.
func TestBacklogInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.wal.Manual = false })
		w.connect("ab", "a", "b")
		w.connect("cd", "c", "d")
		n := w.backlog("a")
		w.send("c", "1")
		w.checkpoint(nil)
		w.restart()
		w.RunSweeper()
		synctest.Wait()
		time.Sleep(sweepInterval / 2) // of the bubble: before anybody sweeps
		if s := w.state("b"); s.Head != uint64(n) {
			t.Errorf("%d of %d are there", s.Head, n)
		}
		if got := w.shown("d"); !slices.Equal(got, []string{"1 1"}) {
			t.Errorf("%q is there", got)
		}
		if err := errors.Join(w.Close(context.Background()), w.shared.Log.Close()); err != nil {
			t.Fatal(err)
		}
	})
}

// A router whose log failed says so, and does not count as having brought what
// nobody sees.
func TestForwardOnAFailedLog(t *testing.T) {
	w := newWorld(t)
	w.put("b", class(record.Fsync))
	w.connect("ab", "a", "b")
	w.send("a", "1")
	w.fs.FailSync("*", 1)
	w.Forward(context.Background())
	rt, _ := w.routers.ByName.Get("ab")
	if s, err := w.routing.Router("ab"); err != nil || s.Blocked == "" || w.Totals().BlockedRouters != 1 || rt.Done != 0 {
		t.Errorf("%+v, done %d, %v", s, rt.Done, err)
	}
	if got := w.shown("b"); got != nil {
		t.Errorf("%q is there", got)
	}
	w.power(1)
	w.Forward(context.Background())
	for _, name := range []string{"a", "b"} { // both or neither
		if got := w.shown(name); !slices.Equal(got, w.shown("a")) {
			t.Errorf("%s has %q, and a %q", name, got, w.shown("a"))
		}
	}
}

// On a full disk a router waits, and reports why; it goes on once there is room.
func TestForwardOnAFullDisk(t *testing.T) {
	w := newWorld(t)
	w.connect("ab", "a", "b")
	w.connect("cd", "c", "d")
	w.send("c", "1")
	w.Forward(context.Background())
	w.send("c", "2")
	w.fill("a")
	w.Forward(context.Background())
	s, err := w.routing.Router("cd")
	if err != nil || s.Blocked == "" || s.Lag != 1 || s.Forwarded != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if got := w.shown("d"); !slices.Equal(got, []string{"1 1"}) {
		t.Fatalf("%q is there", got)
	}
	w.fs.SetCapacity(0)
	if _, err := w.shared.Log.Tick(); err != nil {
		t.Fatal(err)
	}
	w.Sweep(context.Background()) // has it look again
	w.Forward(context.Background())
	if s, err := w.routing.Router("cd"); err != nil || s.Blocked != "" || s.Lag != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if got := w.shown("d"); !slices.Equal(got, []string{"1 1", "2 2"}) {
		t.Fatalf("%q is there", got)
	}
}

// A router that waits for room goes on as soon as there is some, and not with
// the next sweep.
func TestRoomIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.wal.Manual = false })
		w.put("b", &record.ConfigPatch{CapRecords: ptr(int64(1)), Discard: ptr("reject")})
		w.connect("ab", "a", "b")
		w.RunSweeper()
		w.send("a", "1", "2")
		synctest.Wait()
		if got := w.shown("b"); !slices.Equal(got, []string{"1 1"}) {
			t.Errorf("%q is there", got)
		}
		began := time.Now()
		w.deleteRecords("b", 2, "")
		synctest.Wait()
		if got := w.shown("b"); !slices.Equal(got, []string{"2 2"}) || time.Since(began) > 0 {
			t.Errorf("%q is there after %v", got, time.Since(began))
		}
		if err := errors.Join(w.Close(context.Background()), w.shared.Log.Close()); err != nil {
			t.Fatal(err)
		}
	})
}

// A copy that does not fit after its own reservation waits for room and is
// then what it was.
func TestForwardOnABusyLog(t *testing.T) {
	for size := 3000; size < 4200; size += 8 {
		w := newWorld(t, func(w *world) { w.wal.QueueBytes = 4096; w.wal.FileBytes = 8192 })
		w.connect("ab", "a", "b")
		before := w.write("b", 500).Last
		for b := w.catalog.Lookup("b"); b.Reserve.Covers(before + 1); {
			before = w.write("b", 1).Last
		}
		w.append("a", &topic.Write{Records: []record.Record{{Data: make([]byte, size)}}})
		w.checkpoint(nil) // now it is copied
		w.Forward(context.Background())
		for range 2 {
			if s, err := w.routing.Router("ab"); err != nil || s.Blocked != "" || s.Forwarded != 1 {
				t.Fatalf("size %d: %+v, %v", size, s, err)
			}
			if s := w.state("b"); s.Head != before+1 || s.Bytes != int64(before)*8+int64(size) {
				t.Fatalf("size %d: %+v", size, s)
			}
			w.kill()
		}
	}
}

// News of a loss needs no room: a destination that is full and rejects has it
// all the same.
func TestLossNeedsNoRoom(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(1))})
	w.put("b", &record.ConfigPatch{CapRecords: ptr(int64(1)), Discard: ptr("reject")})
	w.connect("ab", "a", "b")
	w.send("b", "0")
	w.send("a", "1")
	w.send("a", "2")
	w.Forward(context.Background())
	if s, err := w.routing.Router("ab"); err != nil || s.Blocked != `topic "b" is full and rejects` || s.Lag != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	for range 2 {
		w.holdsLines("b", "1 0 t0 n", "lost 2-2 source_trim")
		w.kill()
	}
}

// What a router forwards is no older than what is there, also when the clock
// was set back.
func TestForwardedTimestamps(t *testing.T) {
	w := newWorld(t)
	w.connect("ab", "a", "b")
	w.send("b", "0")
	w.now -= 1000
	w.send("a", "1")
	w.Forward(context.Background())
	for range 2 {
		var got []int64
		for _, r := range w.read("b", 0).Records {
			got = append(got, r.TS)
		}
		if want := w.now + 1000; !slices.Equal(got, []int64{want, want}) {
			t.Fatalf("%v, want %d twice", got, want)
		}
		w.kill()
	}
}
