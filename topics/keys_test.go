package topics

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

func keyedWrite(key string, n int) *Write { return &Write{Records: records(n), IdempotencyKey: key} }

// TestKeys holds that a key inside its window answers the first one's seqs and
// appends nothing, in every class, and after a restart in those whose records
// outlive it.
func TestKeys(t *testing.T) {
	for c := Ephemeral; c <= Fsync; c++ {
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
		if c >= Disk {
			w.kill()
			repeat("after a kill")
		}
		if c >= Memory {
			w.restart()
			repeat("after a restart")
		}
		if c == Fsync {
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
	w.put("a", &ConfigPatch{CapRecords: ptr(int64(2)), Discard: ptr("reject")})
	wr := keyedWrite("k", 2)
	wr.ExpectedHead = ptr(uint64(0))
	w.append("a", wr)
	if out := w.append("a", wr); !out.Deduped {
		t.Fatalf("%+v", out)
	}
	w.put("a", &ConfigPatch{CapRecords: ptr(int64(1))})
	w.write("a", 1)
	if out := w.append("a", wr); !out.Deduped || out.First != 1 || w.state("a").Earliest != 3 {
		t.Fatalf("%+v", out)
	}
}

// TestKeyOnItsWay holds that a repeat waits for the write it repeats.
func TestKeyOnItsWay(t *testing.T) {
	w := newWorld(t, func(w *world) { w.wal.Manual, w.wal.DiskSync = false, 1e9 })
	w.put("a", class(Fsync))
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
	done := make(chan Written)
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
		var outs [8]Written
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
	window := func(ms int64) { w.put("a", &ConfigPatch{IdempotencyWindowMS: &ms}) }
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

// TestKeyMemory holds that a topic remembers no more keys than its window has,
// however they are used again.
func TestKeyMemory(t *testing.T) {
	const window = 100
	var k keyWindow
	id := func(n int) keyID { return keyID{Lo: uint64(n)} }
	now := int64(0)
	for i := range 10_000 {
		now++
		n := i
		if i%(window+1) == 0 { // one key comes back right after each window
			n = -1
		}
		k.add(id(n), keyed{first: uint64(i), ts: now}, window)
		if len(k.byID) > window+1 || len(k.order) > window+1 || cap(k.order) > 8*window {
			t.Fatalf("after %d keys: %d known, %d in order, room for %d", i, len(k.byID), len(k.order), cap(k.order))
		}
		if got, ok := k.find(id(n), now, window); !ok || got.first != uint64(i) {
			t.Fatalf("key %d: %+v, %v", n, got, ok)
		}
	}
	k.forget(now+window+1, window)
	if k.byID != nil || k.order != nil {
		t.Fatalf("%+v", k)
	}
}

// TestKeyBurst holds that the memory of a burst of keys goes with their window,
// though the topic always has some.
func TestKeyBurst(t *testing.T) {
	const many, window = 200_000, 1000
	var w keyWindow
	before := int64(heapBytes())
	for i := range uint64(many) {
		w.add(keyID{Lo: i}, keyed{first: i}, window)
	}
	full := int64(heapBytes()) - before
	for i := range uint64(10) {
		w.add(keyID{Lo: many + i}, keyed{ts: int64(i+1) * window}, window)
	}
	if left := int64(heapBytes()) - before; len(w.byID) != 2 || left > full/20 {
		t.Fatalf("%d keys take %d bytes, of %d in the burst", len(w.byID), left, full)
	}
	runtime.KeepAlive(&w)
}

// TestKeySweep holds that an idle topic's keys go, and the sweeper with them.
func TestKeySweep(t *testing.T) {
	w := newWorld(t)
	w.put("a", class(Fsync))
	w.append("a", keyedWrite("k", 1))
	tp := w.lookup("a")
	if !tp.swept || len(w.sweeper.topics) != 1 {
		t.Fatal("nobody will come by")
	}
	w.now += 120_001
	frames := w.log.Stats().Frames
	w.Sweep(context.Background())
	if tp.keys.byID != nil || tp.swept || len(w.sweeper.topics) != 0 {
		t.Fatalf("%+v, visited by %d", tp.keys, len(w.sweeper.topics))
	}
	if w.log.Stats().Frames != frames {
		t.Fatal("nothing expired and it was logged")
	}
	w.append("a", keyedWrite("k", 1))
	if !tp.swept {
		t.Fatal("not visited again")
	}
	w.append("b", &Write{Records: records(1), Config: &ConfigPatch{TTLMS: ptr(int64(1e9))}})
	w.delete("a", false)
	w.delete("b", false)
	w.Sweep(context.Background())
	if n := len(w.sweeper.topics); n != 0 {
		t.Fatalf("%d topics that are gone are visited", n)
	}
}
