package topics

import "github.com/zeebo/xxh3"

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
	}
}
