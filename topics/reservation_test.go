package topics

import (
	"context"
	"math"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
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
			if _, err := w.shared.log.Tick(); err != nil {
				t.Fatal(err)
			}
		}
		tick()
		syncs, ceilings := w.shared.log.Stats().Syncs, map[uint64]bool{}
		ticks := uint64(0)
		for i := range 20_000 {
			w.write("a", 3)
			ceilings[w.lookup("a").reserve.ceiling] = true
			if i%50 == 49 {
				before := w.shared.log.Stats().Syncs
				tick()
				ticks += w.shared.log.Stats().Syncs - before
			}
		}
		if got := w.shared.log.Stats().Syncs - syncs - ticks; got != 0 {
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
		held := w.lookup("a").reserve.ceiling
		first := w.begin("a", &Write{Records: records(5)})
		beyond := w.begin("a", &Write{Records: records(int(held))})
		if err := w.shared.log.WaitWritten(1); err != nil {
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
	var s reservation
	if s.covers(1) {
		t.Fatalf("nothing is reserved: %+v", s)
	}
	s.grow(10, 0)
	s.at = 100
	if s.ceiling != 10+minReserve || !s.covers(s.ceiling-minReserve/4) || s.covers(s.ceiling-minReserve/4+1) {
		t.Fatalf("%+v", s)
	}
	if s.needs(11, 99) != 100 || s.needs(11, 100) != 0 {
		t.Fatalf("%+v", s)
	}
	first := s.ceiling
	s.grow(first, 100)
	s.at = 200
	if s.ceiling != first+2*minReserve || s.needs(first, 150) != 0 || s.needs(first+1, 150) != 200 || s.needs(first+1, 200) != 0 {
		t.Fatalf("%+v", s)
	}
	for range 20 {
		s.grow(s.ceiling, 0)
	}
	if s.step != maxReserve {
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
		if got := w.lookup("a").reserve.ceiling; got > 5+2*minReserve {
			t.Fatalf("change %d: ceiling %d", i, got)
		}
	}
	w.put("a", class(record.Memory))
	if losses := w.kill(); len(losses) != 1 || losses[0].From != 6 || losses[0].To > 5+2*minReserve {
		t.Fatalf("%+v", losses)
	}
}

// TestSeqsEnd holds that a topic at the end of its seqs refuses.
func TestSeqsEnd(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Disk))
	tp := w.lookup("a")
	tp.mu.Lock()
	tp.applyLost(lostRange{from: 1, to: math.MaxUint64 - maxReserve - 20, reason: ReasonCrash})
	tp.mu.Unlock()
	w.write("a", 10)
	w.refused("a", &Write{Records: records(11)}, record.KindInvalid)
	w.kill()
	if s := w.state("a"); s.Head != math.MaxUint64-maxReserve-10 || s.Count != 10 {
		t.Fatalf("%+v", s)
	}
	b, err := w.Read(context.Background(), "a", &Query{From: math.MaxUint64, Limit: 1, MaxBytes: 1})
	if err != nil || b.Tombstone == nil || b.Tombstone.Reason != ReasonRecreated {
		t.Fatalf("%+v, %v", b, err)
	}
}
