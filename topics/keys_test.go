package topics

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

func keyedWrite(key string, n int) *topic.Write {
	return &topic.Write{Records: records(n), IdempotencyKey: key}
}

// TestKeys holds that a key inside its window answers the first one's seqs and
// appends nothing, in every class, and after a restart in those whose records
// outlive it.
func TestKeys(t *testing.T) {
	for c := record.Ephemeral; c <= record.Fsync; c++ {
		w := newWorld(t)
		w.put("a", class(c))
		w.write("a", 1)
		first := w.append("a", keyedWrite("k", 3))
		w.write("a", 1)
		repeat := func(what string) {
			t.Helper()
			out := w.append("a", keyedWrite("k", 3))
			if !out.Deduped || out.Created || out.First != first.First || out.Last != first.Last || out.Count != 3 || out.Head != w.state("a").Head {
				t.Fatalf("%v, %s: %+v", c, what, out)
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
		}
		if c == record.Fsync {
			w.power(5)
			repeat("after a power cut")
		}
		head := w.state("a").Head
		w.now++
		if out := w.append("a", keyedWrite("k", 3)); out.Deduped || out.First != head+1 {
			t.Fatalf("%v, after the window: %+v", c, out)
		}
	}
}

// TestKeysOutlive holds that neither eviction nor a failed precondition nor a
// full topic makes a key forgotten.
func TestKeysOutlive(t *testing.T) {
	w := newWorld(t)
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(2)), Discard: ptr("reject")})
	wr := keyedWrite("k", 2)
	wr.ExpectedHead = ptr(uint64(0))
	w.append("a", wr)
	if out := w.append("a", wr); !out.Deduped {
		t.Fatalf("%+v", out)
	}
	w.put("a", &record.ConfigPatch{CapRecords: ptr(int64(1))})
	w.write("a", 1)
	if out := w.append("a", wr); !out.Deduped || out.First != 1 || w.state("a").Earliest != 3 {
		t.Fatalf("%+v", out)
	}
}

// TestKeyOnItsWay holds that a repeat waits for the write it repeats.
func TestKeyOnItsWay(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.Manual, w.wal.DiskSync = false, 1e9 })
	w.put("a", class(record.Fsync))
	first, err := w.Begin(context.Background(), "a", keyedWrite("k", 2))
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Begin(context.Background(), "a", keyedWrite("k", 2))
	if err != nil {
		t.Fatal(err)
	}
	if got := second.Placed(); got.First != 1 || got.Last != 2 {
		t.Fatalf("%+v", got)
	}
	done := make(chan topic.Written)
	go func() {
		out, err := second.Wait()
		if err != nil {
			t.Error(err)
		}
		done <- out
	}()
	if out, err := first.Wait(); err != nil || out.Deduped {
		t.Fatal(out, err)
	}
	if out := <-done; !out.Deduped || out.First != 1 || out.Last != 2 || out.Head != 2 || out.Count != 2 {
		t.Fatalf("%+v", out)
	}
}

// TestKeysRace holds that of many writes with one key one is appended, also
// when they race to make the topic.
func TestKeysRace(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.Manual, w.wal.DiskSync = false, 1e6 })
	for round := range 40 {
		name := fmt.Sprint("t", round)
		var wg sync.WaitGroup
		var outs [8]topic.Written
		for i := range outs {
			wg.Go(func() {
				var err error
				if outs[i], err = w.Append(context.Background(), name, keyedWrite("k", 2)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		created, appended := 0, 0
		for _, out := range outs {
			if out.Created {
				created++
			}
			if !out.Deduped {
				appended++
			}
			if out.First != 1 || out.Last != 2 || out.Count != 2 {
				t.Fatalf("%+v", out)
			}
		}
		if s := w.state(name); created != 1 || appended != 1 || s.Head != 2 || s.Count != 2 {
			t.Fatalf("created %d times, appended %d times: %+v", created, appended, s)
		}
	}
}

// TestWindowGrows holds that a key that is inside a window that was made
// longer stays known, and that a restart makes no difference.
func TestWindowGrows(t *testing.T) {
	w := newWorld(t)
	window := func(ms int64) { w.put("a", &record.ConfigPatch{IdempotencyWindowMS: &ms}) }
	window(1000)
	w.append("a", keyedWrite("k", 1))
	w.now += 500
	window(60_000)
	w.now += 10_000
	w.kill()
	if out := w.append("a", keyedWrite("k", 1)); !out.Deduped {
		t.Fatalf("%+v", out)
	}
}

// TestStoredWindowIsClamped checks that a window that an earlier version stored
// as it came is a day when it is loaded, from the log and from a checkpoint.
func TestStoredWindowIsClamped(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Disk))
	long := record.DefaultConfig()
	long.IdempotencyWindowMS = 1 << 62
	e := &entry.Config{ID: w.catalog.Lookup("a").ID, TS: w.now, Setting: entry.Setting{Config: &long, Ceiling: 1 << 11}}
	if _, err := w.shared.LogEntry(t.Context(), e, nil, wal.Freeing); err != nil {
		t.Fatal(err)
	}
	w.restart()
	want := func(from string) {
		t.Helper()
		if got := w.state("a").Config.IdempotencyWindowMS; got != 86_400_000 {
			t.Fatalf("from %s: %d", from, got)
		}
	}
	want("the log")
	tp := w.catalog.Lookup("a")
	tp.Mu.Lock()
	tp.Config = &long
	tp.Mu.Unlock()
	w.checkpoint(nil)
	w.restart()
	want("a checkpoint")
	w.append("a", keyedWrite("k", 1))
	w.now += 86_400_001
	w.Sweep(t.Context())
	if got := w.Totals().IdempotencyKeys; got != 0 {
		t.Fatalf("%d keys are kept for more than a day", got)
	}
}

// TestKeyBudget checks that a new key beyond the budget is refused and nothing
// else, and that what was taken comes back in every way in which keys go.
func TestKeyBudget(t *testing.T) {
	w := newWorld(t, func(w *world) { w.opt.IdempotencyBytes = 1000 })
	window := &record.ConfigPatch{IdempotencyWindowMS: ptr(int64(1000))}
	fill := func(name string) (keys int) {
		t.Helper()
		for ; ; keys++ {
			wr := keyedWrite(fmt.Sprint(name, keys), 1)
			wr.Config = window
			if w.Totals().IdempotencyBytes >= 1000 {
				before := w.Totals()
				e := w.refused(name, wr, record.KindThrottled)
				if e.Detail["limit"] != "idempotency_bytes" || e.Detail["max"] != int64(1000) {
					t.Fatalf("%+v", e.Detail)
				}
				after := w.Totals()
				if after.IdempotencyBytes != before.IdempotencyBytes || after.IdempotencyRefused != before.IdempotencyRefused+1 {
					t.Fatalf("%+v, then %+v", before, after)
				}
				break
			}
			w.append(name, wr)
		}
		if out := w.append(name, keyedWrite(fmt.Sprint(name, 0), 1)); !out.Deduped {
			t.Fatalf("a known key: %+v", out)
		}
		w.write(name, 1)
		w.refused("new", keyedWrite("k", 1), record.KindThrottled)
		if _, err := w.State("new", false); kindOf(err) != record.KindNotFound {
			t.Fatalf("a refused write made a topic: %v", err)
		}
		if got := w.Totals().IdempotencyKeys; got != int64(keys) {
			t.Fatalf("%d keys, %d are held", keys, got)
		}
		return keys
	}
	empty := func(how string) {
		t.Helper()
		if got := w.Totals(); got.IdempotencyBytes != 0 || got.IdempotencyKeys != 0 {
			t.Fatalf("%s: %d keys in %d bytes are left", how, got.IdempotencyKeys, got.IdempotencyBytes)
		}
	}
	n := fill("a")
	if n < 10 {
		t.Fatalf("only %d keys in 1000 bytes", n)
	}
	w.now += 1001
	w.Sweep(t.Context())
	empty("after the window, on a topic that nobody writes to")

	fill("b")
	w.delete("b", false)
	empty("after the delete of the topic")

	fill("c")
	w.now += 10
	w.put("c", &record.ConfigPatch{IdempotencyWindowMS: ptr(int64(9))})
	w.Sweep(t.Context())
	empty("after a shorter window")

	n = fill("d")
	for range 2 { // from the log, then from a checkpoint
		w.opt.IdempotencyBytes = 1 // a restart may find more than there is room for
		w.restart()
		w.Sweep(t.Context())
		if got := w.Totals(); got.IdempotencyKeys != int64(n) || got.IdempotencyBytes < 500 {
			t.Fatalf("after a restart %d keys in %d bytes, of %d", got.IdempotencyKeys, got.IdempotencyBytes, n)
		}
		w.refused("d", keyedWrite("another", 1), record.KindThrottled)
		if out := w.append("d", keyedWrite("d0", 1)); !out.Deduped {
			t.Fatalf("a known key: %+v", out)
		}
		w.checkpoint(nil)
	}
	w.now += 1001
	w.Sweep(t.Context())
	empty("after a restart and the window")
	w.append("d", keyedWrite("another", 1))
}

// TestKeyBudgetGivesBack checks that a write that fails keeps nothing.
func TestKeyBudgetGivesBack(t *testing.T) {
	w := newWorld(t, func(w *world) { w.opt.IdempotencyBytes, w.opt.EphemeralBytes = 1000, 1 })
	w.refused("a", &topic.Write{Records: records(1), IdempotencyKey: "k", Config: class(record.Ephemeral)}, record.KindThrottled)
	w.put("b", class(record.Fsync))
	p, err := w.Begin(t.Context(), "b", keyedWrite("k", 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Totals().IdempotencyBytes; got != index.KeyUseBytes {
		t.Fatalf("a write on its way takes %d bytes", got)
	}
	w.fs.FailSync("*", 1)
	if _, err := p.Wait(); err == nil {
		t.Fatal("it was acknowledged")
	}
	if got := w.Totals(); got.IdempotencyBytes != 0 || got.IdempotencyKeys != 0 {
		t.Fatalf("%d bytes of nothing", got.IdempotencyBytes)
	}
}

// TestKeySweep holds that an idle topic's keys go, and the sweeper with them.
func TestKeySweep(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(record.Fsync))
	w.append("a", keyedWrite("k", 1))
	tp := w.catalog.Lookup("a")
	if !tp.Swept || len(w.sweeper.topics) != 1 {
		t.Fatal("nobody will come by")
	}
	w.now += 120_001
	frames := w.shared.Log.Stats().Frames
	w.Sweep(context.Background())
	if !tp.Keys.Empty() || tp.Swept || len(w.sweeper.topics) != 0 {
		t.Fatalf("%+v, visited by %d", tp.Keys, len(w.sweeper.topics))
	}
	if w.shared.Log.Stats().Frames != frames {
		t.Fatal("nothing expired and it was logged")
	}
	w.append("a", keyedWrite("k", 1))
	if !tp.Swept {
		t.Fatal("not visited again")
	}
	w.append("b", &topic.Write{Records: records(1), Config: &record.ConfigPatch{TTLMS: ptr(int64(1e9))}})
	w.delete("a", false)
	w.delete("b", false)
	w.Sweep(context.Background())
	if n := len(w.sweeper.topics); n != 0 {
		t.Fatalf("%d topics that are gone are visited", n)
	}
}
