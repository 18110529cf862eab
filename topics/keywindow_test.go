package topics

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// reachableBytes returns the size of the reachable heap.
func reachableBytes() uint64 {
	runtime.GC()
	runtime.GC() // frees what finalizers of the first one have released
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestKeyMemory checks that a topic holds no more keys than its window has, and
// few that have expired, however keys are used again.
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
		k.expire(now, window)
		k.add(keyUse{id: id(n), first: uint64(i), at: now}, window)
		if h := k.usage(); h.keys > window+1 || h.bytes > 2*100*window {
			t.Fatalf("after %d keys: %+v in %d generations", i, h, len(k.generations))
		}
		if got, ok := k.find(id(n), now, window); !ok || got.first != uint64(i) {
			t.Fatalf("key %d: %+v, %v", n, got, ok)
		}
	}
	k.expire(now+window+1, window)
	if !k.empty() || k.usage() != (keyUsage{}) {
		t.Fatalf("%+v", k)
	}
}

// TestKeyBurst checks that the memory of a burst of keys is freed when their
// window ends, although the topic is never without keys.
func TestKeyBurst(t *testing.T) {
	const many, window = 200_000, 1000
	var w keyWindow
	for i := range uint64(many) {
		w.add(keyUse{id: keyID{Lo: i}, first: i}, window)
	}
	full := w.usage().bytes
	for i := range uint64(10) {
		now := int64(i+1) * window
		w.expire(now, window)
		w.add(keyUse{id: keyID{Lo: many + i}, at: now}, window)
	}
	if left := w.usage(); left.keys != 2 || left.bytes > full/20 {
		t.Fatalf("%+v are left of %d bytes", left, full)
	}
}

// TestKeyWindowAgainstAMap checks that the window finds what a map with times
// would, whatever the order of uses, sizes and windows.
func TestKeyWindowAgainstAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 60 {
		window := int64(1 + random.IntN(400))
		var w keyWindow
		last := map[keyID]keyUse{}
		now := int64(0)
		for i := range 2000 {
			now += int64(random.IntN(3))
			// Few slots, so that they collide.
			id := keyID{Hi: random.Uint64N(600), Lo: random.Uint64N(4)}
			want, known := last[id]
			known = known && now-want.at <= window
			if random.IntN(5) == 0 {
				w.expire(now, window)
			}
			if got, ok := w.find(id, now, window); ok != known || ok && got != want {
				t.Fatalf("round %d, use %d: %+v, %v, want %+v, %v", round, i, got, ok, want, known)
			}
			if known {
				continue
			}
			last[id] = keyUse{id: id, at: now, first: uint64(i)}
			w.add(last[id], window)
		}
	}
}

// TestKeyCost checks that what is counted for keys is the memory that they take,
// for topics with one key and for topics with many, and that it is not much.
func TestKeyCost(t *testing.T) {
	for _, each := range []int{1, 5, 100, 3000, 1 << 20} {
		windows := make([]keyWindow, max(1, 200_000/each))
		before := int64(reachableBytes())
		var counted, keys int64
		for i := range windows {
			for n := range each {
				windows[i].add(keyUse{id: hashKey([]byte(fmt.Sprint(i, n)), 1)}, 1000)
			}
			h := windows[i].usage()
			counted, keys = counted+h.bytes, keys+h.keys
		}
		took := int64(reachableBytes()) - before
		t.Logf("%7d keys a topic: %d bytes each, counted as %d", each, took/keys, counted/keys)
		if took > counted*11/10 || counted > took*11/10 || each >= 100 && counted/keys > 64 {
			t.Errorf("%d keys take %d bytes, and count as %d", keys, took, counted)
		}
		runtime.KeepAlive(windows)
	}
}
