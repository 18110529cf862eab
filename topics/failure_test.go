package topics

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// begin gives a write its place and does not wait for it.
func (w *world) begin(name string, wr *topic.Write) *topic.Pending {
	w.t.Helper()
	p, err := w.Begin(context.Background(), name, wr)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestNothingFollowsAFailure holds that what was begun after a change that
// failed fails too, whatever its own class would have it wait for, and that
// the topic takes no more: a seq given out under a class that never held
// would be given out again.
func TestNothingFollowsAFailure(t *testing.T) {
	for to := record.Ephemeral; to <= record.Fsync; to++ {
		w := newWorld(t)
		w.put("a", &record.ConfigPatch{})
		w.write("a", 5)
		patch := class(to)
		patch.TTLMS = ptr(int64(1e9))
		_, change, err := w.assignConfig(w.slot(), "a", func(*record.Config) (record.Config, error) { return patch.Apply(record.DefaultConfig(), "a") })
		if err != nil {
			t.Fatal(err)
		}
		behind := w.begin("a", &topic.Write{Records: records(3), IdempotencyKey: "k"})
		w.fs.FailSync("*", 1)
		done := make(chan error)
		go func() {
			_, err := behind.Wait()
			done <- err
		}()
		if _, err := change.Finish(); kindOf(err) != record.KindReadOnly || !errors.Is(err, syscall.EIO) {
			t.Fatalf("%v: %v", to, err)
		}
		if err := <-done; kindOf(err) != record.KindReadOnly {
			t.Fatalf("%v: behind it: %v", to, err)
		}
		for range 2 {
			w.refused("a", keyedWrite("k", 3), record.KindReadOnly)
			if _, err := w.Put(context.Background(), "a", patch); kindOf(err) != record.KindReadOnly {
				t.Fatal(err)
			}
			if _, err := w.Delete(context.Background(), "a", false); kindOf(err) != record.KindReadOnly {
				t.Fatal(err)
			}
		}
		if s := w.state("a"); s.Head != 5 || s.Config.Durability != record.Disk || s.Config.TTLMS != 0 || w.read("a", 0).NextFrom != 5 {
			t.Fatalf("%v: %+v", to, s)
		}
		if got := w.Totals().EphemeralBytes; got != 0 {
			t.Fatalf("%v: %d ephemeral bytes", to, got)
		}
		w.power(uint64(to))
		if out := w.write("a", 1); out.First < 6 {
			t.Fatalf("%v: seq %d was given out again", to, out.First)
		}
	}
}

// TestFailedCreation holds that a topic whose creation failed is not there,
// that every commit after it fails, and that its name takes nothing.
func TestFailedCreation(t *testing.T) {
	for c := record.Ephemeral; c <= record.Fsync; c++ {
		w := newWorld(t)
		w.write("there", 1)
		first := w.begin("a", &topic.Write{Records: records(2), Config: class(c)})
		second := w.begin("a", &topic.Write{Records: records(1), IdempotencyKey: "k"})
		repeat := w.begin("a", keyedWrite("k", 1))
		w.fs.FailSync("*", 1)
		for _, p := range []*topic.Pending{first, second, repeat} {
			if _, err := p.Wait(); kindOf(err) != record.KindReadOnly {
				t.Fatalf("%v: %v", c, err)
			}
			if _, err := w.State("a", false); kindOf(err) != record.KindNotFound {
				t.Fatalf("%v: %v", c, err)
			}
		}
		if _, err := w.Append(context.Background(), "a", &topic.Write{Records: records(1)}); kindOf(err) != record.KindReadOnly {
			t.Fatalf("%v: %v", c, err)
		}
		if w.catalog.Lookup("a") != nil {
			t.Fatalf("%v: the name is still taken", c)
		}
		if got := w.Totals(); got.Topics != 1 || got.Records != 1 || got.EphemeralBytes != 0 {
			t.Fatalf("%v: %+v", c, got)
		}
		if b := w.read("there", 0); len(b.Records) != 1 {
			t.Fatalf("%v: reads do not go on: %+v", c, b)
		}
	}
}

// TestEphemeralOnAFailedLog holds that an ephemeral topic that has seqs in
// reserve goes on without the log, and stops where they end.
func TestEphemeralOnAFailedLog(t *testing.T) {
	w := newWorld(t)
	w.put("e", class(record.Ephemeral))
	w.put("d", class(record.Disk))
	w.fs.FailSync("*", 1)
	w.write("d", 1)
	if _, err := w.shared.Log.Tick(); err == nil {
		t.Fatal("the sync did not fail")
	}
	var last uint64
	for {
		out, err := w.Append(context.Background(), "e", &topic.Write{Records: records(10)})
		if kindOf(err) == record.KindReadOnly {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = out.Last
	}
	if got := w.read("e", 0); last == 0 || got.NextFrom != last || len(got.Records) != int(last) {
		t.Fatalf("wrote %d, read %+v", last, got.NextFrom)
	}
	w.kill()
	if out := w.write("e", 1); out.First <= last {
		t.Fatalf("seq %d again", out.First)
	}
}

// TestSweepOnAFailedLog holds that a note that cannot be logged stops nothing.
func TestSweepOnAFailedLog(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{TTLMS: ptr(int64(10))})
	w.write("a", 2)
	w.fs.FailSync("*", 1)
	if _, err := w.shared.Log.Tick(); err == nil {
		t.Fatal("the sync did not fail")
	}
	w.now += 11
	w.Sweep(context.Background())
	if s := w.state("a"); s.Count != 0 {
		t.Fatalf("%+v", s)
	}
}
