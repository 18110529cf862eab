package topics

import (
	"context"
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// idle lets the sweeper come by until it has nothing to come for, and syncs.
func (w *world) idle() {
	w.t.Helper()
	for range 1<<topic.MaxRests + 2 {
		w.Sweep(context.Background())
	}
	if n := len(w.sweeper.topics); n != 0 {
		w.t.Fatalf("%d topics are still visited", n)
	}
	if _, err := w.shared.Log.Tick(); err != nil {
		w.t.Fatal(err)
	}
}

// TestNothingInDoubt holds that a crash takes nothing from a topic that was
// left alone, and makes no gap in it; from an ephemeral one it takes exactly
// what was given out, and that is known.
func TestNothingInDoubt(t *testing.T) {
	for _, how := range []string{"kill", "power"} {
		for c := record.Ephemeral; c <= record.Fsync; c++ {
			for _, stored := range []bool{false, true} {
				t.Run(fmt.Sprint(c, how, stored), func(t *testing.T) {
					w := newWorld(t)
					w.put("a", class(c))
					w.put("empty", class(c))
					for range 2 {
						w.write("a", 5)
						if stored {
							w.checkpoint(nil)
						}
						w.idle()
					}
					losses := w.end(how)
					if c == record.Ephemeral {
						if len(losses) != 1 && !stored || len(losses) > 1 {
							t.Fatalf("%+v", losses)
						}
						want := topic.Tombstone{GapFrom: 1, GapTo: 10, Reason: topic.ReasonCrash, Missed: 10, AtLeast: 10, Earliest: 11, Head: 10}
						if got := w.tombstone("a", 0); got != want {
							t.Fatalf("%+v", got)
						}
					} else {
						if len(losses) > 0 {
							t.Fatalf("nothing was lost but %+v", losses)
						}
						w.noStone("a", 0)
						if s := w.state("a"); s.Head != 10 || s.Count != 10 {
							t.Fatalf("%+v", s)
						}
					}
					for _, name := range []string{"a", "empty"} {
						if out := w.write(name, 1); name == "a" && out.First != 11 || name == "empty" && out.First != 1 {
							t.Fatalf("%s: %+v", name, out)
						}
					}
					// What is known stays known.
					w.idle()
					w.checkpoint(nil)
					before := w.read("a", 0).Tombstone
					w.end(how)
					if after := w.read("a", 0).Tombstone; c != record.Ephemeral && (before != nil || after != nil) ||
						c == record.Ephemeral && (before.AtLeast != 10 || after.AtLeast != 11) {
						t.Fatalf("%+v, then %+v", before, after)
					}
				})
			}
		}
	}
}

// TestCheckpointOfAQuietTopic holds that a checkpoint ends the reservation of a
// topic that has been quiet since the sweeper's last visit.
func TestCheckpointOfAQuietTopic(t *testing.T) {
	for c := record.Memory; c <= record.Disk; c++ {
		w := newWorld(t)
		w.put("a", class(c))
		w.write("a", 1)
		w.Sweep(context.Background())
		w.checkpoint(nil)
		if losses := w.power(1); len(losses) > 0 {
			t.Errorf("%v: %+v", c, losses)
		}
		// One that is not quiet keeps it.
		w.write("a", 1)
		w.checkpoint(nil)
		w.begin("a", &topic.Write{Records: records(1)})
		if losses := w.power(1); len(losses) != 1 || losses[0].From != 3 {
			t.Errorf("%v: %+v", c, losses)
		}
	}
}

// TestWriteAfterARest holds that a write that ends a rest is not seen before its
// reservation is durable, and that no seq is given out twice, wherever a crash
// comes.
func TestWriteAfterARest(t *testing.T) {
	for c := record.Ephemeral; c < record.Fsync; c++ {
		w, gate := newSyncWorld(t)
		w.put("a", class(c))
		w.write("a", 5)
		w.idle()
		release := w.holdChange(gate, func(w *world) error {
			_, err := w.Append(context.Background(), "a", &topic.Write{Records: records(1)})
			return err
		})
		if s := w.state("a"); s.Head != 5 {
			t.Fatalf("%v: seen before its seq was reserved: %+v", c, s)
		}
		if err := release(nil); err != nil {
			t.Fatal(err)
		}
		if out := w.write("a", 1); out.First != 7 {
			t.Fatalf("%v: %+v", c, out)
		}

		for seed := range uint64(60) {
			w := newWorld(t)
			w.put("a", class(c))
			for round := range seed%4 + 1 {
				w.write("a", 3)
				for range 1<<round + 2 {
					w.Sweep(context.Background())
					w.write("busy", 1) // takes what the sweep logged to the file, and not to the disk
				}
				if seed%3 == 0 {
					w.checkpoint(nil)
				}
			}
			acked := w.write("a", 2)
			if seed%2 == 0 {
				w.power(seed)
			} else {
				w.kill()
			}
			if out := w.write("a", 1); out.First <= acked.Last {
				t.Fatalf("%v, seed %d: seq %d was given out again, after %d", c, seed, out.First, acked.Last)
			}
		}
	}
}

// TestRestsAreFew holds that topics without writes cost one frame, and
// that one which is written to now and again is soon left alone.
func TestRestsAreFew(t *testing.T) {
	w := newWorld(t)
	const many = 50
	for i := range many {
		w.write(fmt.Sprint(i), 1)
	}
	frames := w.shared.Log.Stats().Frames
	w.idle()
	if n := w.shared.Log.Stats().Frames - frames; n < many || n > many+1 { // one is the log's own
		t.Errorf("%d frames for %d topics", n, many)
	}
	frames = w.shared.Log.Stats().Frames
	w.Sweep(context.Background())
	if n := w.shared.Log.Stats().Frames - frames; n != 0 {
		t.Errorf("%d frames for topics at rest", n)
	}

	const rounds = 400
	frames = w.shared.Log.Stats().Frames
	for range rounds {
		w.write("0", 1)
		for range 8 {
			w.Sweep(context.Background())
		}
	}
	if n := w.shared.Log.Stats().Frames - frames; n > rounds+20 {
		t.Errorf("%d frames for %d writes", n, rounds)
	}
	if s := w.catalog.Lookup("0").Reserve; s.Step > 2*topic.MinReserve {
		t.Errorf("a reservation of %d seqs", s.Step)
	}
}

// TestRestWaitsForRoom holds that a rest that the log refuses is tried again.
func TestRestWaitsForRoom(t *testing.T) {
	w := newWorld(t)
	w.write("a", 1)
	tp := w.catalog.Lookup("a")
	w.Sweep(context.Background())
	w.shared.Log.SetLimit(1)
	w.Sweep(context.Background())
	if tp.Reserve.Ceiling == tp.Assigned || len(w.sweeper.topics) != 1 {
		t.Fatalf("%+v, visited by %d", tp.Reserve, len(w.sweeper.topics))
	}
	w.shared.Log.SetLimit(0)
	w.Sweep(context.Background())
	if tp.Reserve.Ceiling != tp.Assigned || len(w.sweeper.topics) != 0 {
		t.Fatalf("%+v, visited by %d", tp.Reserve, len(w.sweeper.topics))
	}
}

// TestRestsLeaveRoom holds that topics which come to rest all at once do not
// fill the log's queue, and all come to rest in the end.
func TestRestsLeaveRoom(t *testing.T) {
	const many = 500
	w := newWorld(t, func(w *world) { w.wal.QueueBytes, w.wal.FileBytes = 16<<10, 1<<20 })
	for i := range many {
		w.write(fmt.Sprint(i), 1)
	}
	for round := 0; len(w.sweeper.topics) > 0; round++ {
		if w.Sweep(context.Background()); w.Pressure() > topic.RestPressure+0.1 {
			t.Fatalf("round %d: the queue is full to %v", round, w.Pressure())
		}
		if _, err := w.shared.Log.Tick(); err != nil {
			t.Fatal(err)
		}
		if round > many {
			t.Fatalf("%d topics are still visited", len(w.sweeper.topics))
		}
	}
	if losses := w.power(1); len(losses) > 0 {
		t.Errorf("%d losses", len(losses))
	}
}

// TestMissedAtLeast holds how much of a gap is known to have been given out: all
// but what a crash left in doubt, also when it is part of a greater gap, and
// after restarts.
func TestMissedAtLeast(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Memory))
	w.write("a", 4)
	w.shared.Log.WaitSynced(w.shared.Log.Tail())
	loss := w.kill()[0]
	if loss.From != 5 || loss.To != topic.MinReserve || loss.AtLeast != 0 {
		t.Fatalf("%+v", loss)
	}
	next := w.write("a", 6).First
	check := func(from, atLeast uint64) {
		t.Helper()
		if got := w.tombstone("a", from); got.AtLeast != atLeast || got.Missed < atLeast {
			t.Fatalf("from %d: %+v, want at least %d", from, got, atLeast)
		}
	}
	everywhere := func(check func()) {
		t.Helper()
		check()
		w.checkpoint(nil)
		check()
		w.restart()
		check()
	}
	everywhere(func() { check(4, 0) })
	w.deleteRecords("a", 2, "")
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(2)), Durability: ptr("memory")}) // evicts 2 to next+3
	everywhere(func() {
		if got := w.tombstone("a", 0); got.GapTo != next+3 || got.Missed != next+3 {
			t.Fatalf("%+v", got)
		}
		check(0, 4)    // what lies before the doubt counts as in doubt, too
		check(next, 3) // after it all is known
	})
}
