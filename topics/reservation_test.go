package topics

import (
	"context"
	"math"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// TestSteadyWritesWaitForNoReservation holds that a writer of a class weaker
// than fsync, once it is under way, uses ceilings that the background's
// sync has made durable in time.
func TestSteadyWritesWaitForNoReservation(t *testing.T) {
	for c := record.Ephemeral; c < record.Fsync; c++ {
		w := newWorld(t, func(w *world) { w.wal.FileBytes = 1 << 20 })
		w.put("a", class(c))
		w.write("a", 1)
		tick := func() {
			t.Helper()
			if _, err := w.shared.Log.Tick(); err != nil {
				t.Fatal(err)
			}
		}
		tick()
		syncs, ceilings := w.shared.Log.Stats().Syncs, map[uint64]bool{}
		ticks := uint64(0)
		for i := range 20_000 {
			w.write("a", 3)
			ceilings[w.catalog.Lookup("a").Reserve.Ceiling] = true
			if i%50 == 49 {
				before := w.shared.Log.Stats().Syncs
				tick()
				ticks += w.shared.Log.Stats().Syncs - before
			}
		}
		if got := w.shared.Log.Stats().Syncs - syncs - ticks; got != 0 {
			t.Errorf("%v: writes waited for %d syncs", c, got)
		}
		if len(ceilings) < 4 {
			t.Errorf("%v: only %d reservations", c, len(ceilings))
		}
	}
}

// TestReservationIsDurableFirst holds that no seq beyond a durable ceiling is
// seen, however fast a topic outgrows it.
func TestReservationIsDurableFirst(t *testing.T) {
	for c := record.Ephemeral; c < record.Fsync; c++ {
		for n := 100; n <= 10_000; n *= 10 {
			w := newWorld(t, func(w *world) { w.wal.FileBytes, w.wal.QueueBytes = 4<<20, 4<<20 })
			w.put("a", class(c))
			var head uint64
			for range 30 {
				head = w.write("a", n).Last
			}
			w.power(uint64(n))
			if out := w.write("a", 1); out.First <= head {
				t.Fatalf("%v: seq %d, and %d had been given out", c, out.First, head)
			}
		}
	}
}

// TestNothingBeyondTheCeilingIsSeen holds that a write that waits for its
// reservation is not published along with one before it that need not.
func TestNothingBeyondTheCeilingIsSeen(t *testing.T) {
	for c := record.Ephemeral; c < record.Fsync; c++ {
		w := newWorld(t)
		w.put("a", class(c))
		w.write("a", 1)
		held := w.catalog.Lookup("a").Reserve.Ceiling
		first := w.begin("a", &topic.Write{Records: records(5)})
		beyond := w.begin("a", &topic.Write{Records: records(int(held))})
		if err := w.shared.Log.WaitWritten(1); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Wait(); err != nil {
			t.Fatal(err)
		}
		if s := w.state("a"); s.Head != 6 {
			t.Fatalf("%v: %+v", c, s)
		}
		if _, err := beyond.Wait(); err != nil {
			t.Fatal(err)
		}
		if s := w.state("a"); s.Head != 6+held {
			t.Fatalf("%v: %+v", c, s)
		}
	}
}

func TestReservation(t *testing.T) {
	var s topic.Reservation
	if s.Covers(1) {
		t.Fatalf("nothing is reserved: %+v", s)
	}
	s.Grow(10, 0)
	s.At = 100
	if s.Ceiling != 10+topic.MinReserve || !s.Covers(s.Ceiling-topic.MinReserve/4) || s.Covers(s.Ceiling-topic.MinReserve/4+1) {
		t.Fatalf("%+v", s)
	}
	if s.Needs(11, 99) != 100 || s.Needs(11, 100) != 0 {
		t.Fatalf("%+v", s)
	}
	first := s.Ceiling
	s.Grow(first, 100)
	s.At = 200
	if s.Ceiling != first+2*topic.MinReserve || s.Needs(first, 150) != 0 || s.Needs(first+1, 150) != 200 || s.Needs(first+1, 200) != 0 {
		t.Fatalf("%+v", s)
	}
	for range 20 {
		s.Grow(s.Ceiling, 0)
	}
	if s.Step != topic.MaxReserve {
		t.Fatalf("%+v", s)
	}
}

// TestConfigChangesDoNotInflate holds that changing a config again and again
// does not push a topic's ceiling away.
func TestConfigChangesDoNotInflate(t *testing.T) {
	w := newWorld(t)
	w.write("a", 5)
	for i := range 200 {
		patch := &record.ConfigPatch{TTLMS: ptr(int64(1e9 + i))}
		if i >= 100 {
			patch.Durability = ptr(record.Class(i % 4).String())
		}
		w.put("a", patch)
		if got := w.catalog.Lookup("a").Reserve.Ceiling; got > 5+2*topic.MinReserve {
			t.Fatalf("change %d: ceiling %d", i, got)
		}
	}
	w.put("a", class(record.Memory))
	if losses := w.kill(); len(losses) != 1 || losses[0].From != 6 || losses[0].To > 5+2*topic.MinReserve {
		t.Fatalf("%+v", losses)
	}
}

// TestSeqsEnd holds that a topic at the end of its seqs refuses.
func TestSeqsEnd(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Disk))
	tp := w.catalog.Lookup("a")
	tp.Mu.Lock()
	tp.ApplyLost(topic.LostRange{From: 1, To: math.MaxUint64 - topic.MaxReserve - 20, Reason: topic.ReasonCrash})
	tp.Mu.Unlock()
	w.write("a", 10)
	w.refused("a", &topic.Write{Records: records(11)}, record.KindInvalid)
	w.kill()
	if s := w.state("a"); s.Head != math.MaxUint64-topic.MaxReserve-10 || s.Count != 10 {
		t.Fatalf("%+v", s)
	}
	b, err := w.Read(context.Background(), "a", &topic.Query{From: math.MaxUint64, Limit: 1, MaxBytes: 1})
	if err != nil || b.Tombstone == nil || b.Tombstone.Reason != topic.ReasonRecreated {
		t.Fatalf("%+v, %v", b, err)
	}
}
