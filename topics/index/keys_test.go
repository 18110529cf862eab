package index

import (
	"bytes"
	"errors"
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
		if got, _, ok := k.Find(id(n), now, window); !ok || got.First != uint64(i) {
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
		last, deduped := map[KeyHash]KeyUse{}, map[KeyHash][]byte{}
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
			got, packed, ok := w.Find(id, now, window)
			if ok != known || ok && (got != want || !bytes.Equal(packed, deduped[id])) {
				t.Fatalf("round %d, use %d: %+v with %x, %v, want %+v with %x, %v", round, i, got, packed, ok, want, deduped[id], known)
			}
			if known {
				continue
			}
			last[id] = KeyUse{Hash: id, At: now, First: uint64(i)}
			w.Add(last[id], window)
			delete(deduped, id)
			if random.IntN(4) == 0 {
				deduped[id] = []byte{byte(i), byte(i >> 8)}
				u, ok := w.Deduped(w.Len()-1, deduped[id])
				if !ok || u != last[id] {
					t.Fatalf("round %d, use %d: %+v, %v", round, i, u, ok)
				}
			}
		}
		_, there := w.Deduped(w.Len(), []byte{1})
		if there {
			t.Fatalf("round %d: there are more than %d uses", round, w.Len())
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

// TestDedupedKeyCost checks that what is counted for keys whose writes have records that
// were not appended is the memory that they take, and that a key without takes no
// more for it.
func TestDedupedKeyCost(t *testing.T) {
	for _, packed := range []int{32, 512, 16 << 10} {
		windows := make([]Keys, 100)
		before := int64(reachableBytes())
		var counted, taken int64
		const each = 64
		for i := range windows {
			for n := range each {
				windows[i].Add(KeyUse{Hash: HashKey(fmt.Append(nil, i, n), 1)}, 1000)
				windows[i].Deduped(n, make([]byte, packed))
				taken += KeyBytes(packed)
			}
			counted += windows[i].Usage().Bytes
		}
		took := int64(reachableBytes()) - before
		t.Logf("%5d bytes packed: %d bytes each, counted as %d, reserved as %d", packed, took/(100*each), counted/(100*each), taken/(100*each))
		if took > counted*12/10 || counted > took*12/10 || took > taken*13/10 {
			t.Errorf("%d bytes packed: %d bytes, counted as %d, reserved as %d", packed, took, counted, taken)
		}
		runtime.KeepAlive(windows)
	}
}

// TestKeysView checks that a view has the uses that survive a restart, each with what its
// write did not append, and nothing of what comes later.
func TestKeysView(t *testing.T) {
	const window = 100
	var w Keys
	now := int64(0)
	want := ""
	for i := range 300 {
		now++
		w.Expire(now, window)
		u := KeyUse{Hash: KeyHash{Lo: uint64(i)}, At: now, First: uint64(i), Count: uint32(i % 2), Ephemeral: i%3 == 0}
		w.Add(u, window)
		if i%5 < 2 {
			w.Deduped(w.Len()-1, []byte{byte(i)})
		}
	}
	oldest, _ := w.Oldest()
	place := 0
	for i := int(oldest) - 1; i < 300; i++ {
		if i%3 == 0 && (i%2 == 0 || i > 250) {
			continue
		}
		if i%5 < 2 {
			want += fmt.Sprint(place, " ", []byte{byte(i)}, "; ")
		}
		place++
	}
	v := w.View(0, 0)
	w.Add(KeyUse{At: now}, window)
	w.Deduped(w.Len()-1, []byte{1})
	got, uses := "", 0
	_ = v.EachDeduped(250, func(place int, packed []byte) error {
		got += fmt.Sprint(place, " ", packed, "; ")
		return nil
	})
	_ = v.Each(250, func(*KeyUse) error { uses++; return nil })
	if got != want || uses != place {
		t.Errorf("%d uses, deduped %s\nwant %d, %s", uses, got, place, want)
	}
	stop := errors.New("stop")
	if err := v.EachDeduped(250, func(int, []byte) error { return stop }); err != stop {
		t.Errorf("%v", err)
	}
}
