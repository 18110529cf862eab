package topics

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// A sweep comes by a topic with a ttl for as long as it has one, and notes what
// expired once.
func TestSweepComesBack(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(100)), Durability: ptr("fsync")})
	for round := range 3 {
		w.write("a", 2)
		for _, ms := range []int64{50, 51, 50} {
			w.now += ms
			frames := w.shared.Log.Stats().Frames
			w.Sweep(context.Background())
			noted := w.shared.Log.Stats().Frames - frames
			if (noted > 0) != (ms == 51) {
				t.Errorf("round %d: %d notes after %d ms", round, noted, ms)
			}
		}
		if n := w.Totals().Records; n != 0 {
			t.Errorf("round %d: %d records live", round, n)
		}
	}
	w.now -= 400
	w.restart()
	if s := w.state("a"); s.Count != 0 || s.Head != 6 {
		t.Errorf("%+v", s)
	}
}

// What a reader saw expire stays gone after an orderly restart, also if the clock was
// set back before a sweep.
func TestExpiredBeforeTheClockWasSetBack(t *testing.T) {
	for _, c := range []record.Class{record.Fsync, record.Disk, record.Ephemeral} {
		w := newWorld(t)
		w.write("a", 4)
		p := class(c)
		p.TTLMS = ptr(int64(100))
		w.put("a", p)
		w.restart() // so that it has no more seqs in reserve, for which the sweeper would come
		w.Sweep(context.Background())
		w.now += 301
		if s := w.state("a"); s.Count != 0 {
			t.Errorf("%s: %+v before the restart", c, s)
		}
		w.now -= 500
		w.restart()
		if s := w.state("a"); s.Count != 0 || s.Earliest != 5 || s.Head != 4 {
			t.Errorf("%s: %+v after the restart", c, s)
		}
		if b := w.read("a", 1); b.Tombstone == nil || b.Tombstone.Reason != topic.ReasonTTL {
			t.Errorf("%s: %+v", c, b.Tombstone)
		}
	}
}

// Of records that came at different times and lie together in a segment, each
// expires at its own.
func TestTTLWithinASegment(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(100))})
	for range 2 {
		w.write("a", 1)
		w.now++
	}
	w.checkpoint(nil)
	w.now += 98 // the first one's last
	for want := int64(2); want >= 0; want-- {
		w.Sweep(context.Background())
		if s := w.state("a"); s.Count != want {
			t.Errorf("%d live, want %d", s.Count, want)
		}
		w.now++
	}
}

// What ephemeral records evicted does not come back when they are gone.
func TestEvictedByEphemeralRecords(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(2))})
	w.write("a", 2)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(2)), Durability: ptr("ephemeral")})
	w.write("a", 2)
	w.Sweep(context.Background())
	w.write("b", 1) // the sweep's note lies before it
	w.kill()
	if s := w.state("a"); s.Count != 0 || s.Head < 4 {
		t.Errorf("%+v", s)
	}
}
