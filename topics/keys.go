package topics

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/zeebo/xxh3"
)

// keyWindow remembers a topic's idempotency keys for as long as its window.
// The topic's lock guards it. A key is kept as a 128-bit hash under a seed
// drawn at start, so a long key costs no more than a short one.
//
// Keys come and go in order, so they are kept in generations: nothing in one is
// ever changed or removed, and all of it goes at once. So to forget keys takes
// no work for each of them, no table ever has to be made anew as a whole, and a
// checkpoint encodes them without the topic's lock.
type keyWindow struct {
	generations []*generation // oldest first
}

// generation are the uses of keys one after the other.
type generation struct {
	uses  []keyUse // oldest first; only appended to
	over  int      // that many of them are forgotten
	table []uint32 // by hash: the index of the last use plus 1; 0: free. Nil while there are few
}

// keyUse is a key and what its write was given: 40 bytes.
type keyUse struct {
	id    keyID
	at    int64 // on the steady clock
	first uint64
	count uint32
	// ephemeral: the records are in memory only. A key that outlives them in a
	// checkpoint would answer a retry with seqs that are lost.
	ephemeral bool
}

type keyID xxh3.Uint128

const (
	// generationKeys is the most a generation takes: making a table twice as
	// large takes a millisecond or two, and a search looks into few of them.
	generationKeys = 1 << 17
	// A generation takes keys for a part of the window: so long keys are kept
	// that are over.
	generationsPerWindow = 4
	// fewKeys are searched without a table.
	fewKeys = 8

	keyUseBytes     = 40
	generationBytes = 80 // itself, its place among the others, what is left over of small arrays
)

func (r *Registry) keyID(key []byte) keyID {
	return keyID(xxh3.Hash128Seed(key, r.keySeed))
}

// add notes the use of a key, which is no older than those before.
func (w *keyWindow) add(u keyUse, windowMS int64) {
	var g *generation
	if n := len(w.generations); n > 0 {
		g = w.generations[n-1]
		u.at = max(u.at, g.uses[len(g.uses)-1].at)
	}
	if g == nil || len(g.uses) == generationKeys || u.at-g.uses[0].at > windowMS/generationsPerWindow {
		g = &generation{}
		w.generations = append(w.generations, g)
	}
	g.add(u)
}

func (g *generation) add(u keyUse) {
	if n := len(g.uses); n == cap(g.uses) { // by a quarter, for what is left over is memory, too
		uses := make([]keyUse, n, min(n+n/4+1, generationKeys))
		copy(uses, g.uses)
		g.uses = uses
	}
	g.uses = append(g.uses, u)
	switch n := len(g.uses); {
	case n <= fewKeys:
	case 4*n > 3*len(g.table):
		g.table = make([]uint32, max(2*len(g.table), 2*fewKeys))
		for i := range g.uses {
			g.enter(i)
		}
	default:
		g.enter(n - 1)
	}
}

// enter puts the use at i into the table, in the place of an earlier one of its
// key.
func (g *generation) enter(i int) {
	mask := uint64(len(g.table) - 1)
	slot := g.uses[i].id.Lo & mask
	for g.table[slot] != 0 && g.uses[g.table[slot]-1].id != g.uses[i].id {
		slot = (slot + 1) & mask
	}
	g.table[slot] = uint32(i + 1)
}

// find returns the last use of the key; nil: there is none.
func (g *generation) find(id keyID) *keyUse {
	if g.table == nil {
		for i := len(g.uses) - 1; i >= g.over; i-- {
			if g.uses[i].id == id {
				return &g.uses[i]
			}
		}
		return nil
	}
	mask := uint64(len(g.table) - 1)
	for slot := id.Lo & mask; g.table[slot] != 0; slot = (slot + 1) & mask {
		i := int(g.table[slot] - 1)
		if g.uses[i].id != id {
			continue
		}
		if i < g.over {
			return nil
		}
		return &g.uses[i]
	}
	return nil
}

// find returns what the key was given, if it is still inside the window.
func (w *keyWindow) find(id keyID, now, windowMS int64) (keyUse, bool) {
	for i := len(w.generations) - 1; i >= 0; i-- {
		if u := w.generations[i].find(id); u != nil {
			return *u, now-u.at <= windowMS
		}
	}
	return keyUse{}, false
}

// forget drops the keys whose window is over.
func (w *keyWindow) forget(now, windowMS int64) {
	n := 0
	for ; n < len(w.generations); n++ {
		g := w.generations[n]
		g.over += sort.Search(len(g.uses)-g.over, func(i int) bool { return now-g.uses[g.over+i].at <= windowMS })
		if g.over < len(g.uses) {
			break
		}
		w.generations[n] = nil
	}
	if w.generations = w.generations[n:]; len(w.generations) == 0 {
		w.generations = nil
	}
}

// oldest is when the oldest key that is not forgotten was used; false: there is
// none.
func (w *keyWindow) oldest() (at int64, any bool) {
	if len(w.generations) == 0 {
		return 0, false
	}
	g := w.generations[0]
	return g.uses[g.over].at, true
}

// held is how many uses are remembered, and the memory that takes.
func (w *keyWindow) held() (h keysHeld) {
	for _, g := range w.generations {
		h.keys += int64(len(g.uses) - g.over)
		h.bytes += generationBytes + keyUseBytes*int64(cap(g.uses)) + 4*int64(len(g.table))
	}
	return h
}

// keysHeld are keys and the memory that they take.
type keysHeld struct{ keys, bytes int64 }

// keyView are the keys of a topic at one moment. They stay so without its lock.
type keyView struct {
	uses  [][]keyUse
	ahead int64 // of the wall clock, on the steady one
	least int64 // for a restart no key was used before
}

// keyView takes the view. A restart goes by the wall clock alone, which may be
// wrong now, and right then: where it may be behind, keys are said to be used
// later than they were, for too early they must never be forgotten. t.mu is held.
func (t *topic) keyView(now moment) keyView {
	v := keyView{ahead: max(0, now.ahead()), least: math.MinInt64}
	if t.assignedTS-now.wall > maxStep {
		v.least = t.assignedTS
	}
	for _, g := range t.keys.generations {
		v.uses = append(v.uses, g.uses[g.over:])
	}
	return v
}

// wall is when the key was used, for a restart.
func (v *keyView) wall(u *keyUse) int64 { return max(u.at+v.ahead, v.least) }

// each calls f with the uses that a restart may know of, oldest first: all but
// those of ephemeral writes beyond through.
func (v *keyView) each(through uint64, f func(u *keyUse) error) error {
	for _, uses := range v.uses {
		for i := range uses {
			if u := &uses[i]; !u.ephemeral || u.first <= through {
				if err := f(u); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// append encodes the key, when it was used, and what it was given.
func (u *keyUse) append(dst []byte, wall int64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, u.id.Hi)
	dst = binary.LittleEndian.AppendUint64(dst, u.id.Lo)
	dst = binary.AppendUvarint(binary.AppendVarint(dst, wall), u.first)
	return binary.AppendUvarint(dst, uint64(u.count))
}

// keys decodes their number and so many uses. None is later than now.
func decodeKeys(d *record.Decoder, w *keyWindow, windowMS, now int64) {
	n := d.Uvarint()
	if n > uint64(d.Left()) {
		d.Fail()
		return
	}
	for ; n > 0; n-- {
		u := keyUse{id: keyID{Hi: d.Uint64(), Lo: d.Uint64()}, at: min(d.Varint(), now), first: d.Uvarint(), count: uint32(d.Uvarint())}
		if d.Failed() {
			return
		}
		w.add(u, windowMS)
	}
}

// takeKey takes room for one more key of the memory that all of them share,
// until the write that has it is published or has failed. What a restart finds
// is never refused.
func (r *Registry) takeKey() error {
	limit := r.opts.IdempotencyBytes
	if held := r.totals.keys.bytes.Add(keyUseBytes); limit <= 0 || held-keyUseBytes < limit {
		return nil
	}
	r.giveKey()
	r.totals.keys.refused.Add(1)
	return &record.Error{
		Kind: record.KindThrottled,
		Message: fmt.Sprintf("idempotency keys fill the %d bytes of memory they may use; nothing was appended: "+
			"write again when the windows of some are over, or without a key", limit),
		Detail: map[string]any{"limit": "idempotency_bytes", "max": limit},
	}
}

// giveKey gives back what takeKey took.
func (r *Registry) giveKey() { r.totals.keys.bytes.Add(-keyUseBytes) }

// changeKeys changes a topic's keys and keeps count of all. t.mu is held.
func (r *Registry) changeKeys(t *topic, change func(w *keyWindow)) {
	before := t.keys.held()
	change(&t.keys)
	after := t.keys.held()
	r.totals.keys.held.Add(after.keys - before.keys)
	r.totals.keys.bytes.Add(after.bytes - before.bytes)
}

// forgetKeys drops t's keys whose window is over at now. t.mu is held.
func (r *Registry) forgetKeys(t *topic, now int64) {
	at, any := t.keys.oldest()
	if any && t.cfg != nil && now-at > t.cfg.IdempotencyWindowMS {
		r.changeKeys(t, func(w *keyWindow) { w.forget(now, t.cfg.IdempotencyWindowMS) })
	}
}
