package topics

import (
	"context"
	"reflect"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// tombstone reads at from and returns the tombstone, which must be there.
func (w *world) tombstone(name string, from uint64) topic.Tombstone {
	w.t.Helper()
	b := w.read(name, from)
	if b.Tombstone == nil {
		w.t.Fatalf("no tombstone at %d", from)
	}
	if len(b.Records) > 0 && b.Records[0].Seq != b.Tombstone.GapTo+1 {
		w.t.Fatalf("after the gap to %d comes %d", b.Tombstone.GapTo, b.Records[0].Seq)
	}
	return *b.Tombstone
}

func (w *world) noStone(name string, from uint64) {
	w.t.Helper()
	if s := w.read(name, from).Tombstone; s != nil {
		w.t.Fatalf("a tombstone at %d: %+v", from, s)
	}
}

func TestCapEvicts(t *testing.T) {
	for _, test := range []struct {
		name string
		cap  record.ConfigPatch
	}{
		{"records", record.ConfigPatch{CapRecords: ptr(int64(5))}},
		{"bytes", record.ConfigPatch{CapBytes: ptr(int64(47))}},
		{"bytes first", record.ConfigPatch{CapBytes: ptr(int64(40)), CapRecords: ptr(int64(6))}},
		{"records first", record.ConfigPatch{CapBytes: ptr(int64(400)), CapRecords: ptr(int64(5))}},
	} {
		for c := record.Ephemeral; c <= record.Fsync; c++ {
			w := newWorld(t)
			cfg := test.cap
			cfg.Durability = ptr(c.String())
			w.put("a", &cfg)
			check := func() {
				t.Helper()
				s := w.state("a")
				if s.Head != 7 || s.Earliest != 3 || s.Count != 5 || s.Bytes != 40 {
					t.Fatalf("%s, %v: %+v", test.name, c, s)
				}
				if got := w.tombstone("a", 0); got != (topic.Tombstone{GapFrom: 1, GapTo: 2, Reason: topic.ReasonCap, Missed: 2, AtLeast: 2, Earliest: 3, Head: 7}) {
					t.Fatalf("%+v", got)
				}
				if got := w.tombstone("a", 1); got.GapFrom != 2 || got.GapTo != 2 || got.Missed != 1 {
					t.Fatalf("%+v", got)
				}
				w.noStone("a", 2)
				if got := seqs(w.read("a", 0)); !reflect.DeepEqual(got, run(3, 7)) {
					t.Fatal(got)
				}
			}
			w.write("a", 4) // loses a part of it
			w.write("a", 3)
			check()
			if got := w.Totals(); got.EvictedCap != 2 || got.Records != 5 || got.Bytes != 40 {
				t.Fatalf("%+v", got)
			}
			if c > record.Memory {
				w.kill()
				check()
			}
		}
	}
}

func TestLargerThanCap(t *testing.T) {
	for _, discard := range []string{"old", "reject"} {
		w := newWorld(t)
		w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(3)), CapBytes: ptr(int64(30)), Discard: &discard})
		w.refused("a", &topic.Write{Records: records(4)}, record.KindRecordTooLarge)
		w.refused("a", &topic.Write{Records: []record.Record{{Data: make([]byte, 20), Meta: make([]byte, 11)}}}, record.KindRecordTooLarge)
		w.write("a", 3)
		if _, err := w.Append(context.Background(), "new", &topic.Write{Records: records(2), Config: &record.ConfigPatch{CapRecords: ptr(int64(1))}}); kindOf(err) != record.KindRecordTooLarge {
			t.Fatal(err)
		}
		if _, err := w.State("new", false); kindOf(err) != record.KindNotFound {
			t.Fatal("a refused write made its topic:", err)
		}
	}
}

func TestReject(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(5)), TTLMS: ptr(int64(1000)), Discard: ptr("reject")})
	w.write("a", 3)
	e := w.refused("a", &topic.Write{Records: records(3)}, record.KindFull)
	want := map[string]any{"topic": "a", "cap_records": int64(5), "cap_bytes": int64(0), "head_seq": uint64(3), "earliest_seq": uint64(1)}
	if !reflect.DeepEqual(e.Detail, want) {
		t.Fatalf("%+v", e.Detail)
	}
	w.write("a", 2)
	w.refused("a", &topic.Write{Records: records(1)}, record.KindFull)
	w.now += 1001 // what has expired makes room
	w.write("a", 5)
	w.put("a", &record.ConfigPatch{CapBytes: ptr(int64(41)), Discard: ptr("reject")})
	w.refused("a", &topic.Write{Records: records(1)}, record.KindFull)
}

// TestRejectCountsWhatIsOnItsWay holds that writes that are not visible yet
// fill a topic, too.
func TestRejectCountsWhatIsOnItsWay(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(5)), Durability: ptr("fsync"), Discard: ptr("reject")})
	p, err := w.Begin(ctx, "a", &topic.Write{Records: records(4)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Begin(ctx, "a", &topic.Write{Records: records(2)}); kindOf(err) != record.KindFull {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if s := w.state("a"); s.Count != 4 || s.Head != 4 {
		t.Fatalf("%+v", s)
	}
	w.write("a", 1) // what is visible no longer counts twice
	w.put("b", &record.ConfigPatch{CapBytes: ptr(int64(40)), Discard: ptr("reject")})
	for range 5 {
		w.write("b", 1)
	}
	w.refused("b", &topic.Write{Records: records(1)}, record.KindFull)
}

// TestRejectRace holds that concurrent writers fill a topic to its cap and
// not beyond.
func TestRejectRace(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.Manual, w.wal.DiskSync = false, 1e6 })
	for c := record.Ephemeral; c <= record.Fsync; c++ {
		name := c.String()
		w.put(name, &record.ConfigPatch{CapRecords: ptr(int64(50)), Durability: &name, Discard: ptr("reject")})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					_, err := w.Append(context.Background(), name, &topic.Write{Records: records(3)})
					switch {
					case kindOf(err) == record.KindFull:
						return
					case err != nil:
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		if s := w.state(name); s.Count != 48 || s.Head != 48 || s.Earliest != 1 {
			t.Fatalf("%+v", s)
		}
	}
}

// TestTightening holds that a smaller cap and a shorter ttl apply to what is
// there, and that a wider one brings nothing back.
func TestTightening(t *testing.T) {
	w := newWorld(t)
	w.write("a", 4)
	w.now += 1000
	w.write("a", 6)
	w.put("a", &record.ConfigPatch{CapBytes: ptr(int64(70))})
	if s := w.state("a"); s.Earliest != 3 || s.Count != 8 || s.Bytes != 64 {
		t.Fatalf("%+v", s)
	}
	w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(999))})
	if s := w.state("a"); s.Earliest != 5 || s.Count != 6 {
		t.Fatalf("%+v", s)
	}
	if got := w.tombstone("a", 0); got.GapTo != 4 || got.Reason != topic.ReasonMixed {
		t.Fatalf("%+v", got)
	}
	if got := w.tombstone("a", 2); got.GapFrom != 3 || got.GapTo != 4 || got.Reason != topic.ReasonTTL {
		t.Fatalf("%+v", got)
	}
	w.put("a", &record.ConfigPatch{})
	w.restart()
	if s := w.state("a"); s.Earliest != 5 || s.Count != 6 {
		t.Fatalf("%+v", s)
	}
}

func TestTTL(t *testing.T) {
	for c := record.Ephemeral; c <= record.Fsync; c++ {
		w := newWorld(t)
		cfg := class(c)
		cfg.TTLMS = ptr(int64(1000))
		w.put("a", cfg)
		w.write("a", 2)
		w.now += 600
		w.write("a", 2)
		w.now += 400
		if got := seqs(w.read("a", 0)); !reflect.DeepEqual(got, run(1, 4)) {
			t.Fatalf("%v, at the ttl: %v", c, got)
		}
		w.now++
		if got := w.tombstone("a", 0); got != (topic.Tombstone{GapFrom: 1, GapTo: 2, Reason: topic.ReasonTTL, Missed: 2, AtLeast: 2, Earliest: 3, Head: 4}) {
			t.Fatalf("%v: %+v", c, got)
		}
		w.now += 600
		if s := w.state("a"); s.Count != 0 || s.Bytes != 0 || s.Earliest != 5 || s.Head != 4 {
			t.Fatalf("%v: %+v", c, s)
		}
		if got := w.tombstone("a", 0); got.GapTo != 4 {
			t.Fatalf("%v: %+v", c, got)
		}
		w.noStone("a", 4)
		if got := w.Totals(); got.EvictedTTL != 4 || got.Records != 0 || got.EphemeralBytes != 0 {
			t.Fatalf("%v: %+v", c, got)
		}
	}
}

// TestTTLStaysExpired holds that what was found expired is gone for good, also
// when a restart comes with a clock that was set back.
func TestTTLStaysExpired(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(1000))})
	w.write("a", 3)
	w.now += 1001
	w.Sweep(context.Background())
	if s, totals := w.catalog.Lookup("a"), w.Totals(); s.Live.Records != 0 || totals.EvictedTTL != 3 {
		t.Fatalf("the sweeper left %+v, %+v", s.Live, totals)
	}
	w.Sweep(context.Background())
	w.now -= 1001
	w.restart()
	if s := w.state("a"); s.Count != 0 || s.Earliest != 4 {
		t.Fatalf("%+v", s)
	}
	if got := w.tombstone("a", 0); got.GapTo != 3 || got.Reason != topic.ReasonTTL {
		t.Fatalf("%+v", got)
	}
}
