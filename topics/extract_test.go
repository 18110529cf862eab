package topics

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Routers of one topic take what their own filters match.
func TestFiltersOfOneSource(t *testing.T) {
	w := newWorld(t)
	for dest, pattern := range map[string]string{"one": "t1", "two": "t2", "both": "t*"} {
		w.connect(dest, "a", dest, func(s *router.Spec) { s.Filter = matches(t, pattern) })
	}
	w.send("a", "1", "2", "1") // of one frame, each router has others
	for range 2 {
		w.holdsLines("one", "1 1 t1 n", "2 1 t1 n")
		w.holdsLines("two", "1 2 t2 n")
		w.holdsLines("both", "1 1 t1 n", "2 2 t2 n", "3 1 t1 n")
		w.kill()
	}
}

// What was deleted before it was forwarded never is, also where one look ends
// in the midst of a frame.
func TestDeletedIsNotForwarded(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.FileBytes, w.wal.QueueBytes = 4<<20, 4<<20 })
	w.connect("ab", "a", "b", func(s *router.Spec) { s.Filter = matches(t, "x*") })
	const last = topic.MaxScanned + 1000
	wr := &topic.Write{Records: make([]record.Record, last)}
	for i := range wr.Records {
		switch seq := i + 1; {
		case seq > 1 && seq < 100 || seq > topic.MaxScanned && seq < topic.MaxScanned+100:
			wr.Records[i].Tag = []byte("xdeleted")
		case seq == last:
			wr.Records[i] = record.Record{Tag: []byte("x"), Data: []byte("1")}
		}
	}
	w.append("a", wr)
	w.deleteRecords("a", 0, "xdeleted")
	w.holdsLines("b", "1 1 x ")
	if s, err := w.routing.Router("ab"); err != nil || s.Lag != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A router is at its source's head also where the last records there are
// deleted.
func TestDeletedTailIsPassed(t *testing.T) {
	w := newWorld(t)
	w.connect("ab", "a", "b")
	w.send("a", "1", "2", "3")
	w.deleteRecords("a", 0, "t3")
	w.Forward(context.Background())
	if s, err := w.routing.Router("ab"); err != nil || s.Lag != 0 || s.Forwarded != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

// What expired before it was forwarded is lost at the destination,
// though no sweep came before.
func TestExpiredIsToldAsLost(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(100))})
	w.connect("ab", "a", "b")
	w.send("a", "1", "2")
	w.now += 101
	w.Forward(context.Background())
	w.holdsLines("b", "lost 1-2 source_trim")
	w.send("a", "3")
	w.holdsLines("b", "lost 1-2 source_trim", "3 3 t3 n")
}

// What a router passed over is not lost, in whatever way its source lost it
// since, and though the process was killed.
func TestPassedOverBeforeALoss(t *testing.T) {
	for what, lossy := range map[string]*record.ConfigPatch{
		"cap_records": {CapRecords: ptr(int64(2))},
		"cap_bytes":   {CapBytes: ptr(int64(2))},
		"ttl_ms":      {TTLMS: ptr(int64(100))},
	} {
		for _, later := range []bool{false, true} { // it had no limit yet
			w := newWorld(t)
			if !later {
				w.put("a", lossy)
			}
			w.connect("ab", "a", "b", func(s *router.Spec) { s.Filter = matches(t, "t9") })
			w.send("a", "1", "2")
			w.Forward(context.Background())
			if later {
				w.Sweep(context.Background()) // notes it
				w.put("a", lossy)
			}
			w.now += 101
			w.send("a", "3", "9")
			w.kill()
			if got := w.lines("b"); !slices.Equal(got, []string{"1 9 t9 n"}) {
				t.Errorf("%s, later %v: %q", what, later, got)
			}
		}
	}
}

// News of the loss of one record in a cycle goes as far as that of many.
func TestTrimOfOneInACycle(t *testing.T) {
	w := newWorld(t)
	cycles := func(s *router.Spec) { s.AllowCycle = true }
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(1))})
	w.connect("ab", "a", "b", cycles)
	w.connect("ba", "b", "a", cycles)
	w.send("a", "1")
	w.send("a", "2")
	for range 2 {
		w.holdsLines("a", "lost 1-1 cap", "2 2 t2 n")
		w.holdsLines("b", "lost 1-1 source_trim", "2 2 t2 n")
		w.kill()
	}
}

// A frame of copies holds no more of them than the destination has room for.
func TestCopiesAreCut(t *testing.T) {
	w := newWorld(t)
	w.put("b", &record.ConfigPatch{CapRecords: ptr(int64(2)), Discard: ptr("reject")})
	w.connect("ab", "a", "b")
	w.send("a", "1", "2", "3", "4", "5")
	w.checkpoint(nil) // now they are copied
	for i := range 3 {
		w.Forward(context.Background())
		w.kill()
		var want []string
		for seq := 2*i + 1; seq <= min(2*i+2, 5); seq++ {
			want = append(want, fmt.Sprintf("%d %d t%d n", seq, seq, seq))
		}
		w.holdsLines("b", want...)
		w.deleteRecords("b", 1<<40, "")
	}
}

// Where some of a topic's routers may not bring a record on, for where it has
// been, the others do, also when it is copied.
func TestWayOfCopies(t *testing.T) {
	w := newWorld(t)
	cycles := func(s *router.Spec) { s.AllowCycle = true }
	w.connect("ab", "a", "b", cycles)
	w.connect("ba", "b", "a", cycles) // the first of b's that looks
	w.connect("bc", "b", "c", cycles)
	w.send("a", "1")
	w.forwarders.ForwardFrom(context.Background(), w.catalog.Lookup("a"))
	w.checkpoint(nil)
	for range 2 {
		w.Forward(context.Background())
		for _, name := range []string{"a", "b", "c"} {
			w.holdsLines(name, "1 1 t1 n")
		}
		w.kill()
	}
}

// Losses with records between them stay two.
func TestTwoTrims(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(1))})
	w.connect("ab", "a", "b")
	for _, text := range []string{"1", "3"} {
		w.send("a", text)
		w.send("a", text+"+")
		w.Forward(context.Background())
	}
	for range 2 {
		w.holdsLines("b", "lost 1-1 source_trim", "2 1+ t1+ n", "lost 3-3 source_trim", "4 3+ t3+ n")
		w.checkpoint(nil)
		w.kill()
	}
}
