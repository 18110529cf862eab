package topics

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/topic"
)

// lostBy has the losses of each class at a restart.
func lostBy(c record.Class, how string) bool {
	switch how {
	case "kill":
		return c <= record.Memory
	case "power":
		return c <= record.Disk
	}
	return c == record.Ephemeral // an orderly end, with the power after it or not
}

func (w *world) end(how string) []replay.Loss {
	w.t.Helper()
	switch how {
	case "kill":
		return w.kill()
	case "power":
		return w.power(1)
	case "off":
		if err := errors.Join(w.Close(context.Background()), w.shared.Log.Close()); err != nil {
			w.t.Fatal(err)
		}
		w.fs = w.fs.Crash(rand.New(rand.NewPCG(1, 1)))
		return w.boot(true, true)
	}
	return w.restart()
}

// TestLostRanges holds what each class loses to each end, that it is reported
// exactly once and in one range, and that no seq is given out twice.
func TestLostRanges(t *testing.T) {
	for _, how := range []string{"kill", "power", "restart", "off"} {
		for c := record.Ephemeral; c <= record.Fsync; c++ {
			t.Run(fmt.Sprintf("%v %s", c, how), func(t *testing.T) {
				w := newWorld(t)
				w.put("a", class(c))
				w.write("a", 5)
				losses := w.end(how)
				kept := w.read("a", 0)
				if !lostBy(c, how) {
					if len(losses) > 0 || w.state("a").Head != 5 || kept.Tombstone != nil || len(kept.Records) != 5 {
						t.Fatalf("lost %+v, state %+v", losses, w.state("a"))
					}
					if out := w.write("a", 1); out.First != 6 {
						t.Fatalf("%+v", out)
					}
					return
				}
				if len(losses) != 1 || losses[0].Topic != "a" || losses[0].Reason != topic.ReasonCrash || losses[0].To < 5 {
					t.Fatalf("%+v", losses)
				}
				l := losses[0]
				if orderly := how == "restart" || how == "off"; orderly && (l.To != 5 || l.AtLeast != 5) {
					t.Fatalf("an orderly end skipped seqs: %+v", l)
				} else if !orderly && l.AtLeast != 0 {
					t.Fatalf("nothing is known of what was given out: %+v", l)
				}
				if l.From > 1 { // the disk had some of it
					kept = w.read("a", l.From-1)
				}
				want := topic.Tombstone{GapFrom: l.From, GapTo: l.To, Reason: topic.ReasonCrash, Missed: l.To + 1 - l.From, AtLeast: l.AtLeast, Earliest: w.state("a").Earliest, Head: l.To}
				if kept.Tombstone == nil || *kept.Tombstone != want || kept.NextFrom != l.To {
					t.Fatalf("%+v, want %+v", kept.Tombstone, want)
				}
				if again := w.end(how); len(again) > 0 {
					t.Fatalf("lost again: %+v", again)
				}
				if out := w.write("a", 2); out.First != l.To+1 {
					t.Fatalf("%+v after %+v", out, l)
				}
				w.noStone("a", l.To)
			})
		}
	}
}

// TestBatchStopsBeforeALostRange holds that records around a lost range are
// read in two batches, the second with the tombstone.
func TestBatchStopsBeforeALostRange(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Disk))
	w.write("a", 3)
	w.put("a", class(record.Ephemeral)) // 1..3 are durable now
	w.write("a", 4)
	w.put("a", class(record.Fsync))
	w.write("a", 2)
	w.kill()
	if s := w.state("a"); s.Head != 9 || s.Earliest != 1 || s.Count != 5 || s.Bytes != 40 {
		t.Fatalf("%+v", s)
	}
	b := w.read("a", 0)
	if !reflect.DeepEqual(seqs(b), run(1, 3)) || b.NextFrom != 3 || b.Tombstone != nil {
		t.Fatalf("%+v", b)
	}
	for from := uint64(3); from < 7; from++ {
		b = w.read("a", from)
		want := topic.Tombstone{GapFrom: from + 1, GapTo: 7, Reason: topic.ReasonCrash, Missed: 7 - from, AtLeast: 7 - from, Earliest: 1, Head: 9}
		if b.Tombstone == nil || *b.Tombstone != want || !reflect.DeepEqual(seqs(b), run(8, 9)) {
			t.Fatalf("from %d: %+v, %+v", from, b.Tombstone, seqs(b))
		}
	}
	w.noStone("a", 7)
	// The cursor stops there also when a filter leaves nothing before it.
	m, _ := record.NewMatch("Eq", "none")
	b = w.query("a", &topic.Query{Limit: 10, MaxBytes: 100, Match: &m})
	if len(b.Records) > 0 || b.NextFrom != 3 || b.Tombstone != nil {
		t.Fatalf("%+v", b)
	}
	// Once all before it is evicted, the floor's tombstone takes it in.
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(1))})
	if got := w.tombstone("a", 0); got.GapTo != 8 || got.Reason != topic.ReasonCap {
		t.Fatalf("%+v", got)
	}
	if l := w.catalog.Lookup("a").Lost.Ranges; len(l) != 0 {
		t.Fatalf("lost ranges below the floor are kept: %+v", l)
	}
}

// TestClassSwitches holds that a topic keeps its order through every change
// of its class with writes on their way, and that no restart changes what was
// acknowledged before it.
func TestClassSwitches(t *testing.T) {
	for from := record.Ephemeral; from <= record.Fsync; from++ {
		for to := record.Ephemeral; to <= record.Fsync; to++ {
			if from == to {
				continue
			}
			t.Run(fmt.Sprintf("%v to %v", from, to), func(t *testing.T) {
				w := newWorld(t)
				w.put("a", class(from))
				before, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(2)})
				if err != nil {
					t.Fatal(err)
				}
				patch := class(to)
				_, change, err := w.assignConfig(w.slot(), "a", func(c *record.Config) (record.Config, error) { return patch.Apply(*c, "a") })
				if err != nil || change == nil {
					t.Fatal(change, err)
				}
				after, err := w.Begin(context.Background(), "a", &topic.Write{Records: records(3)})
				if err != nil {
					t.Fatal(err)
				}
				if got := after.Placed(); got.Class != to || got.First != 3 {
					t.Fatalf("%+v", got)
				}
				if w.state("a").Head != 0 {
					t.Fatal("visible before anybody waited")
				}
				done := make(chan error)
				go func() { // alone it may have to wait for the two before it
					_, err := after.Wait()
					done <- err
				}()
				if _, err := before.Wait(); err != nil {
					t.Fatal(err)
				}
				if _, err := change.Finish(); err != nil {
					t.Fatal(err)
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if got := seqs(w.read("a", 0)); !reflect.DeepEqual(got, run(1, 5)) {
					t.Fatal(got)
				}
				w.kill()
				b := w.read("a", 0)
				kept := from != record.Ephemeral
				if got := b.Tombstone; kept == (got != nil && got.GapFrom == 1) {
					t.Fatalf("tombstone %+v", got)
				}
				if to >= record.Disk {
					if tail := w.read("a", 2); !reflect.DeepEqual(seqs(tail), run(3, 5)) {
						t.Fatal(seqs(tail))
					}
				}
				if out := w.write("a", 1); out.First < 6 || to >= record.Disk && out.First != 6 {
					t.Fatalf("%+v", out)
				}
			})
		}
	}
}
