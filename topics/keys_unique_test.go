package topics

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// uniqueWrite is a write to a queue with an idempotency key, one record for each
// unique key, of which "" is none.
func uniqueWrite(idempotency string, unique ...string) *topic.Write {
	w := &topic.Write{IdempotencyKey: idempotency}
	for i, key := range unique {
		j := &record.Job{}
		if key != "" {
			j.Key = []byte(key)
		}
		w.Records = append(w.Records, jobRecord(fmt.Sprint(i), j))
	}
	return w
}

// answerOf is what a write was answered, without what may differ in a repeat.
func answerOf(out topic.Written) string {
	s := fmt.Sprintf("%d..%d, %d appended", out.First, out.Last, out.Count)
	if out.Unique != nil && len(out.Unique.Deduped) > 0 {
		s += fmt.Sprintf(", %v, deduped %v", out.Unique.Seqs, out.Unique.Deduped)
	}
	return s
}

// TestKeysOfDedupedWrites holds that a key inside its window answers what the first
// write with it was answered, if some or all of its records were deduped by their unique
// keys, whatever became of those jobs; in every class, and after a restart in those
// whose records outlive it.
func TestKeysOfDedupedWrites(t *testing.T) {
	for c := record.Ephemeral; c <= record.Fsync; c++ {
		t.Run(c.String(), func(t *testing.T) {
			w := newWorld(t)
			w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr(c.String()) })
			w.append("q", uniqueWrite("", "a", "b", "c"))
			writes := []*topic.Write{
				uniqueWrite("part", "", "b", "c", "d", "d", "", "a"), uniqueWrite("whole", "c", "a", "b", "c"),
				uniqueWrite("none", "", "e"), uniqueWrite("one", "a"),
			}
			var want []string
			for _, wr := range writes {
				want = append(want, answerOf(w.append("q", wr)))
			}
			if want[0] != "4..6, 3 appended, [4 2 3 5 5 6 1], deduped [2 3 5 1]" || want[1] != "0..0, 0 appended, [3 1 2 3], deduped [3 1 2 3]" {
				t.Fatalf("%q", want)
			}
			w.ack("q", "w", w.claim("q", "w", 1).Jobs[0].Seq)
			head := w.state("q").Head
			repeat := func(what string) {
				t.Helper()
				for i, wr := range writes {
					out := w.append("q", wr)
					if got := answerOf(out); !out.Deduped || out.Created || got != want[i] || out.Head != w.state("q").Head {
						t.Fatalf("%s, key %s: %+v, was answered %s", what, wr.IdempotencyKey, out, want[i])
					}
				}
			}
			repeat("at once")
			w.now += 120_000
			repeat("at the end of the window")
			if c >= record.Disk {
				w.kill()
				repeat("after a kill")
			}
			if c >= record.Memory {
				w.restart()
				repeat("after a restart")
				w.checkpoint(nil)
				w.restart()
				repeat("from a checkpoint")
				w.checkpoint(nil)
				w.checkpoint(nil)
				repeat("after checkpoints")
			}
			if c == record.Fsync {
				w.power(5)
				repeat("after a power cut")
			}
			if got := w.state("q").Head; got != head {
				t.Fatalf("the head is %d, was %d", got, head)
			}
			w.now++
			if out := w.append("q", uniqueWrite("one", "a")); out.Deduped || out.First != w.state("q").Head {
				t.Fatalf("after the window: %+v", out)
			}
		})
	}
}

// TestEphemeralDedupedKey holds that a checkpoint does not keep what an ephemeral write
// was answered that appended nothing: its job is gone then.
func TestEphemeralDedupedKey(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr("ephemeral") })
	w.append("q", uniqueWrite("", "a"))
	w.append("q", uniqueWrite("k", "a"))
	w.checkpoint(nil)
	w.restart()
	if out := w.append("q", uniqueWrite("k", "a")); out.Deduped || out.Count != 1 {
		t.Fatalf("%+v", out)
	}
}

// TestDedupedKeyOnItsWay holds that a write that appends nothing, and its repeat, wait for
// the write whose job they are answered with, and fail with it.
func TestDedupedKeyOnItsWay(t *testing.T) {
	for _, fails := range []bool{false, true} {
		w := newWorld(t)
		w.queueOf("q", func(p *record.ConfigPatch) { p.Durability = ptr("fsync") })
		pending := []*topic.Pending{
			w.begin("q", uniqueWrite("", "a", "b")), w.begin("q", uniqueWrite("k", "b")), w.begin("q", uniqueWrite("k", "b")),
			w.begin("q", uniqueWrite("", "b")),
		}
		if got := w.Totals().IdempotencyBytes; got <= index.KeyUseBytes {
			t.Fatalf("a key on its way takes %d bytes", got)
		}
		if fails {
			w.fs.FailSync("*", 1)
			for i, p := range pending {
				if out, err := p.Wait(); kindOf(err) != record.KindReadOnly {
					t.Fatalf("write %d: %+v, %v", i, out, err)
				}
			}
			if got := w.Totals(); got.IdempotencyBytes != 0 || got.IdempotencyKeys != 0 {
				t.Fatalf("%d bytes of nothing", got.IdempotencyBytes)
			}
			continue
		}
		var wg sync.WaitGroup
		for i, p := range pending[1:] {
			wg.Go(func() {
				out, err := p.Wait()
				if err != nil || answerOf(out) != "0..0, 0 appended, [2], deduped [2]" || out.Head != 2 || out.Deduped != (i == 1) {
					t.Errorf("write %d: %+v, %v", i+1, out, err)
				}
			})
		}
		out, err := pending[0].Wait()
		if err != nil {
			t.Fatal(out, err)
		}
		wg.Wait()
		if got := seqs(w.read("q", 0)); !reflect.DeepEqual(got, run(1, 2)) {
			t.Fatalf("%v", got)
		}
	}
}

// TestExpectedHeadOfDedupedWrites holds that a write is held against the head it expects
// before it is known that it appends nothing, and that its key is free when it is refused.
func TestExpectedHeadOfDedupedWrites(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", nil)
	w.append("q", uniqueWrite("", "a"))
	for _, key := range []string{"", "k"} {
		for _, unique := range [][]string{{"a"}, {"a", ""}} {
			wr := uniqueWrite(key, unique...)
			wr.ExpectedHead = ptr(uint64(7))
			w.refused("q", wr, record.KindSeqMismatch)
		}
	}
	wr := uniqueWrite("k", "a")
	wr.ExpectedHead = ptr(uint64(1))
	if out := w.append("q", wr); out.Deduped {
		t.Fatalf("%+v", out)
	}
	w.append("q", uniqueWrite("", ""))
	if out := w.append("q", wr); !out.Deduped || answerOf(out) != "0..0, 0 appended, [1], deduped [1]" {
		t.Fatalf("%+v", out)
	}
}

// TestDedupedKeyTakesNoRoom holds that a write whose records are all deduped is answered
// in a full queue, with a key as without, and that the log gets something only with one.
func TestDedupedKeyTakesNoRoom(t *testing.T) {
	w := newWorld(t)
	w.queueOf("q", func(p *record.ConfigPatch) {
		p.Discard, p.CapRecords, p.Durability = ptr("reject"), ptr(int64(1)), ptr("fsync")
	})
	w.append("q", uniqueWrite("", "a"))
	before := w.state("q")
	frames := w.shared.Log.Stats().Frames
	w.now++
	w.append("q", uniqueWrite("", "a"))
	if got := w.shared.Log.Stats().Frames; got != frames {
		t.Fatalf("%d frames for a write without a key", got-frames)
	}
	w.append("q", uniqueWrite("k", "a"))
	w.append("q", uniqueWrite("k", "a"))
	if got := w.shared.Log.Stats().Frames; got != frames+1 {
		t.Fatalf("%d frames for a write with a key and its repeat", got-frames)
	}
	if after := w.state("q"); !reflect.DeepEqual(after.Queue.Ready, before.Queue.Ready) || after.Head != before.Head || after.LastWrite != before.LastWrite {
		t.Fatalf("%+v, was %+v", after, before)
	}
}

// TestDedupedKeyBudget holds that what is remembered of deduped records is within the
// memory for keys: a write beyond it is refused and leaves nothing.
func TestDedupedKeyBudget(t *testing.T) {
	w := newWorld(t, func(w *world) { w.opt.IdempotencyBytes = 4000 })
	w.queueOf("q", func(p *record.ConfigPatch) { p.IdempotencyWindowMS = ptr(int64(1000)) })
	var unique []string
	for i := range 100 {
		unique = append(unique, fmt.Sprint(i))
	}
	w.append("q", uniqueWrite("", unique...))
	again := slices.Clone(unique)
	slices.Reverse(again) // no two of them are one run
	keys := 0
	for ; keys < 100 && w.Totals().IdempotencyBytes < 4000; keys++ {
		w.append("q", uniqueWrite(fmt.Sprint("k", keys), again...))
	}
	if keys < 5 || keys > 13 {
		t.Fatalf("%d keys of writes of which 100 records were deduped, in 4000 bytes", keys)
	}
	before := w.Totals().IdempotencyBytes
	w.refused("q", uniqueWrite("more", again...), record.KindThrottled)
	if got := w.Totals(); got.IdempotencyBytes != before || got.IdempotencyKeys != int64(keys) {
		t.Fatalf("%d keys in %d bytes, were %d in %d", got.IdempotencyKeys, got.IdempotencyBytes, keys, before)
	}
	if out := w.append("q", uniqueWrite("k0", again...)); !out.Deduped || len(out.Unique.Deduped) != 100 {
		t.Fatalf("a known key: %+v", out)
	}
	for range 2 { // from the log, then from a checkpoint
		w.restart()
		if got := w.Totals(); got.IdempotencyKeys != int64(keys) || got.IdempotencyBytes < before/2 {
			t.Fatalf("after a restart %d keys in %d bytes, were %d in %d", got.IdempotencyKeys, got.IdempotencyBytes, keys, before)
		}
		w.checkpoint(nil)
	}
	w.now += 1001
	w.Sweep(t.Context())
	if got := w.Totals(); got.IdempotencyBytes != 0 || got.IdempotencyKeys != 0 {
		t.Fatalf("%d keys in %d bytes are left after the window", got.IdempotencyKeys, got.IdempotencyBytes)
	}
}
