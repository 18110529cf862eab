package index

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
	var k Keys
	id := func(n int) KeyHash { return KeyHash{Lo: uint64(n)} }
	now := int64(0)
	for i := range 10_000 {
		now++
		n := i
		if i%(window+1) == 0 { // one key comes back right after each window
			n = -1
		}
		k.Expire(now, window)
		k.Add(KeyUse{Hash: id(n), First: uint64(i), At: now}, window)
		if h := k.Usage(); h.Keys > window+1 || h.Bytes > 2*100*window {
			t.Fatalf("after %d keys: %+v in %d generations", i, h, len(k.generations))
		}
		if got, ok := k.Find(id(n), now, window); !ok || got.First != uint64(i) {
			t.Fatalf("key %d: %+v, %v", n, got, ok)
		}
	}
	k.Expire(now+window+1, window)
	if !k.Empty() || k.Usage() != (KeysUsage{}) {
		t.Fatalf("%+v", k)
	}
}

// TestKeyBurst checks that the memory of a burst of keys is freed when their
// window ends, although the topic is never without keys.
func TestKeyBurst(t *testing.T) {
	const many, window = 200_000, 1000
	var w Keys
	for i := range uint64(many) {
		w.Add(KeyUse{Hash: KeyHash{Lo: i}, First: i}, window)
	}
	full := w.Usage().Bytes
	for i := range uint64(10) {
		now := int64(i+1) * window
		w.Expire(now, window)
		w.Add(KeyUse{Hash: KeyHash{Lo: many + i}, At: now}, window)
	}
	if left := w.Usage(); left.Keys != 2 || left.Bytes > full/20 {
		t.Fatalf("%+v are left of %d bytes", left, full)
	}
}

// TestKeyWindowAgainstAMap checks that the window finds what a map with times
// would, whatever the order of uses, sizes and windows.
func TestKeyWindowAgainstAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 60 {
		window := int64(1 + random.IntN(400))
		var w Keys
		last := map[KeyHash]KeyUse{}
		now := int64(0)
		for i := range 2000 {
			now += int64(random.IntN(3))
			// Few slots, so that they collide.
			id := KeyHash{Hi: random.Uint64N(600), Lo: random.Uint64N(4)}
			want, known := last[id]
			known = known && now-want.At <= window
			if random.IntN(5) == 0 {
				w.Expire(now, window)
			}
			if got, ok := w.Find(id, now, window); ok != known || ok && got != want {
				t.Fatalf("round %d, use %d: %+v, %v, want %+v, %v", round, i, got, ok, want, known)
			}
			if known {
				continue
			}
			last[id] = KeyUse{Hash: id, At: now, First: uint64(i)}
			w.Add(last[id], window)
		}
	}
}

// TestKeyCost checks that what is counted for keys is the memory that they take,
// for topics with one key and for topics with many, and that it is not much.
func TestKeyCost(t *testing.T) {
	for _, each := range []int{1, 5, 100, 3000, 1 << 20} {
		windows := make([]Keys, max(1, 200_000/each))
		before := int64(reachableBytes())
		var counted, keys int64
		for i := range windows {
			for n := range each {
				windows[i].Add(KeyUse{Hash: HashKey([]byte(fmt.Sprint(i, n)), 1)}, 1000)
			}
			h := windows[i].Usage()
			counted, keys = counted+h.Bytes, keys+h.Keys
		}
		took := int64(reachableBytes()) - before
		t.Logf("%7d keys a topic: %d bytes each, counted as %d", each, took/keys, counted/keys)
		if took > counted*11/10 || counted > took*11/10 || each >= 100 && counted/keys > 64 {
			t.Errorf("%d keys take %d bytes, and count as %d", keys, took, counted)
		}
		runtime.KeepAlive(windows)
	}
}
