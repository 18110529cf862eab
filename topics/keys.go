package topics

import (
	"encoding/binary"
	"maps"

	"github.com/zeebo/xxh3"
)

// keyWindow remembers a topic's idempotency keys for as long as its window.
// The topic's lock guards it. A key is kept as a 128-bit hash under a seed
// drawn at start, so a long key costs no more than a short one.
type keyWindow struct {
	byID  map[keyID]keyed
	order []keyUse // oldest first; byID may know a later use of the key
}

type keyUse struct {
	id keyID
	ts int64
}

type keyID xxh3.Uint128

// keyed is what a write with a key was given.
type keyed struct {
	first uint64
	ts    int64
	count uint32
	// ephemeral: the records are in memory only. A key that outlives them in a
	// checkpoint would answer a retry with seqs that are lost.
	ephemeral bool
}

func (r *Registry) keyID(key []byte) keyID {
	return keyID(xxh3.Hash128Seed(key, r.keySeed))
}

// add notes a key and drops those whose window is over at its time.
func (w *keyWindow) add(id keyID, k keyed, windowMS int64) {
	w.forget(k.ts, windowMS)
	if w.byID == nil {
		w.byID = make(map[keyID]keyed)
	}
	w.byID[id] = k
	w.order = append(w.order, keyUse{id, k.ts})
}

// find returns what the key was given, if it is still inside the window.
func (w *keyWindow) find(id keyID, now, windowMS int64) (keyed, bool) {
	k, ok := w.byID[id]
	return k, ok && now-k.ts <= windowMS
}

// forget drops the keys whose window is over.
func (w *keyWindow) forget(now, windowMS int64) {
	n := 0
	for ; n < len(w.order) && now-w.order[n].ts > windowMS; n++ {
		if u := w.order[n]; w.byID[u.id].ts == u.ts {
			delete(w.byID, u.id)
		}
	}
	if n == 0 {
		return
	}
	switch w.order = w.order[n:]; {
	case len(w.order) == 0:
		w.byID, w.order = nil, nil
	case cap(w.order) > 4*len(w.order):
		w.order = append(make([]keyUse, 0, 2*len(w.order)), w.order...)
		fewer := make(map[keyID]keyed, len(w.byID)) // a map does not shrink
		maps.Copy(fewer, w.byID)
		w.byID = fewer
	}
}

// append encodes the keys, but for those of ephemeral writes behind through:
// their number, and of each, oldest first, its hash and what it was given.
func (w *keyWindow) append(dst []byte, through uint64) []byte {
	current := func(u keyUse) bool { // and not used again later
		k, ok := w.byID[u.id]
		return ok && k.ts == u.ts && !(k.ephemeral && k.first > through)
	}
	n := 0
	for _, u := range w.order {
		if current(u) {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for _, u := range w.order {
		if !current(u) {
			continue
		}
		k := w.byID[u.id]
		dst = binary.LittleEndian.AppendUint64(dst, u.id.Hi)
		dst = binary.LittleEndian.AppendUint64(dst, u.id.Lo)
		dst = binary.AppendUvarint(binary.AppendVarint(dst, k.ts), k.first)
		dst = binary.AppendUvarint(dst, uint64(k.count))
	}
	return dst
}

// keys is append's inverse.
func (d *decoder) keys(w *keyWindow) {
	n := d.uvarint()
	if n > uint64(len(d.p)) {
		d.fail()
		return
	}
	for ; n > 0 && !d.bad; n-- {
		id := keyID{Hi: d.uint64(), Lo: d.uint64()}
		k := keyed{ts: d.varint(), first: d.uvarint(), count: uint32(d.uvarint())}
		if w.byID == nil {
			w.byID = make(map[keyID]keyed, n)
		}
		w.byID[id] = k
		w.order = append(w.order, keyUse{id, k.ts})
	}
}

func (d *decoder) uint64() uint64 {
	if len(d.p) < 8 {
		d.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(d.p)
	d.p = d.p[8:]
	return v
}
