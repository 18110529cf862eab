package topics

import (
	"context"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
)

// TestRepeats holds that a repeat is known as one from when its first write has
// its place until the window is over, and nothing else is.
func TestRepeats(t *testing.T) {
	w := newWorld(t)
	repeats := func(want bool, when string) {
		t.Helper()
		if got := w.Repeats("a", keyedWrite("k", 2)); got != want {
			t.Errorf("%s: %v", when, got)
		}
		if w.Repeats("a", keyedWrite("l", 2)) || w.Repeats("a", keyedWrite("", 2)) || w.Repeats("b", keyedWrite("k", 2)) {
			t.Errorf("%s: another one is known", when)
		}
	}
	w.put("a", class(record.Fsync))
	w.write("a", 1)
	repeats(false, "before it")
	p := w.begin("a", keyedWrite("k", 2))
	repeats(true, "on its way")
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	repeats(true, "behind it")
	w.now += 120_000
	repeats(true, "at the end of the window")
	w.now++
	repeats(false, "after the window")
	w.append("a", keyedWrite("k", 2))
	w.delete("a", false)
	repeats(false, "without the topic")
}

// TestKeyOfLostRecords holds that a checkpoint does not keep the key of records
// that it does not keep: a retry would be answered with seqs that are lost.
func TestKeyOfLostRecords(t *testing.T) {
	w := newWorld(t)
	w.append("a", keyedWrite("kept", 1))
	w.put("a", class(record.Ephemeral))
	lost := w.append("a", keyedWrite("lost", 1))
	w.checkpoint(nil)
	w.kill()
	if out := w.append("a", keyedWrite("kept", 1)); !out.Deduped || out.First != 1 {
		t.Errorf("%+v", out)
	}
	if out := w.append("a", keyedWrite("lost", 1)); out.Deduped || out.First <= lost.Last {
		t.Errorf("%+v, was %+v", out, lost)
	}
}

// TestKeySweepAfterAStart holds that keys which a checkpoint brought back go,
// too.
func TestKeySweepAfterAStart(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Fsync))
	w.append("a", keyedWrite("k", 1))
	w.checkpoint(nil)
	w.kill()
	w.now += 120_001
	w.Sweep(context.Background())
	if tp := w.catalog.Lookup("a"); !tp.Keys.Empty() || len(w.sweeper.topics) != 0 {
		t.Errorf("%+v, visited by %d", tp.Keys, len(w.sweeper.topics))
	}
}
