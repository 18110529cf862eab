package index

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/zeebo/xxh3"
)

// Keys holds the idempotency keys of a topic for the length of its window.
// A key is stored as a 128-bit hash under a random seed, so a long key takes no
// more memory than a short one. Times are Unix ms on the steady clock.
//
// Keys come and go in order, so they are stored in generations. Within a
// generation nothing is changed or removed; it is dropped as a whole. So expiry
// takes no work per key, no table is ever rebuilt as a whole, and a checkpoint
// encodes the keys without the topic's lock.
//
// The zero Keys is empty. The topic's lock guards it.
type Keys struct {
	generations []*generation // oldest first
}

// generation holds consecutive uses of keys.
type generation struct {
	uses    []KeyUse // oldest first; only appended to
	expired int      // number of uses at the front whose window has ended
	table   []uint32 // hash table: index of the key's last use plus 1, or 0; nil while there are few
	deduped *deduped // nil while no use has some
}

// KeyUse is a key and the seqs that its write was given, of which there may be none.
// It takes 40 bytes. What its write was answered beside that is set with Deduped.
type KeyUse struct {
	Hash  KeyHash
	At    int64
	First uint64
	Count uint32
	// ephemeral is set if the records are in memory only. If their key outlived
	// them in a checkpoint, a retry would be answered with seqs that are lost.
	Ephemeral bool
}

// KeyHash is the hash of a key.
type KeyHash xxh3.Uint128

const (
	// generationKeys is the maximum size of a generation. Doubling a table of
	// that size takes a millisecond or two, and a search visits few generations.
	generationKeys = 1 << 17
	// generationsPerWindow bounds how long keys stay after their window has
	// ended: a generation spans at most that fraction of it.
	generationsPerWindow = 4
	// fewKeys are searched without a table.
	fewKeys = 8

	// KeyUseBytes is the memory that one more key takes.
	KeyUseBytes     = 40
	generationBytes = 80 // the struct, the pointer to it, and the slack of small arrays
)

// HashKey returns the hash of a key under a seed.
func HashKey(key []byte, seed uint64) KeyHash { return KeyHash(xxh3.Hash128Seed(key, seed)) }

// Add records the use of a key. It is not older than the uses before it.
func (w *Keys) Add(u KeyUse, windowMS int64) {
	var g *generation
	if n := len(w.generations); n > 0 {
		g = w.generations[n-1]
		u.At = max(u.At, g.uses[len(g.uses)-1].At)
	}
	if g == nil || len(g.uses) == generationKeys || u.At-g.uses[0].At > windowMS/generationsPerWindow {
		g = &generation{}
		w.generations = append(w.generations, g)
	}
	g.add(u)
}

func (g *generation) add(u KeyUse) {
	if n := len(g.uses); n == cap(g.uses) { // grow by a quarter: spare capacity is memory, too
		uses := make([]KeyUse, n, min(n+n/4+1, generationKeys))
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

// enter puts the i-th use into the table, replacing an earlier use of its key.
func (g *generation) enter(i int) {
	mask := uint64(len(g.table) - 1)
	slot := g.uses[i].Hash.Lo & mask
	for g.table[slot] != 0 && g.uses[g.table[slot]-1].Hash != g.uses[i].Hash {
		slot = (slot + 1) & mask
	}
	g.table[slot] = uint32(i + 1)
}

// find returns the place of the key's last use, if that has not expired.
func (g *generation) find(id KeyHash) (use int, found bool) {
	if g.table == nil {
		for i := len(g.uses) - 1; i >= g.expired; i-- {
			if g.uses[i].Hash == id {
				return i, true
			}
		}
		return 0, false
	}
	mask := uint64(len(g.table) - 1)
	for slot := id.Lo & mask; g.table[slot] != 0; slot = (slot + 1) & mask {
		i := int(g.table[slot] - 1)
		if g.uses[i].Hash != id {
			continue
		}
		return i, i >= g.expired
	}
	return 0, false
}

// Find returns the last use of the key, the records that its write did not append,
// packed, and whether its window includes now.
func (w *Keys) Find(id KeyHash, now, windowMS int64) (u KeyUse, deduped []byte, ok bool) {
	for _, g := range slices.Backward(w.generations) {
		use, found := g.find(id)
		if found {
			u = g.uses[use]
			return u, g.deduped.of(use), now-u.At <= windowMS
		}
	}
	return KeyUse{}, nil, false
}

// Expire removes the keys whose window has ended at now.
func (w *Keys) Expire(now, windowMS int64) {
	n := 0
	for ; n < len(w.generations); n++ {
		g := w.generations[n]
		g.expired += sort.Search(len(g.uses)-g.expired, func(i int) bool { return now-g.uses[g.expired+i].At <= windowMS })
		if g.expired < len(g.uses) {
			break
		}
		w.generations[n] = nil
	}
	w.generations = w.generations[n:]
	if len(w.generations) == 0 {
		w.generations = nil
	}
}

// Empty reports whether there are no keys.
func (w *Keys) Empty() bool { return len(w.generations) == 0 }

// Oldest returns when the oldest key was used, if there are keys.
func (w *Keys) Oldest() (at int64, ok bool) {
	if len(w.generations) == 0 {
		return 0, false
	}
	g := w.generations[0]
	return g.uses[g.expired].At, true
}

// Usage returns the number of keys and the memory they take.
func (w *Keys) Usage() (u KeysUsage) {
	for _, g := range w.generations {
		u.Keys += int64(len(g.uses) - g.expired)
		u.Bytes += generationBytes + KeyUseBytes*int64(cap(g.uses)) + 4*int64(len(g.table)) + g.deduped.memory()
	}
	return u
}

// KeysUsage is a number of keys and the memory they take.
type KeysUsage struct{ Keys, Bytes int64 }

// Append appends the encoding of the use, with its time on the wall clock.
func (u *KeyUse) Append(dst []byte, wall int64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, u.Hash.Hi)
	dst = binary.LittleEndian.AppendUint64(dst, u.Hash.Lo)
	dst = binary.AppendUvarint(binary.AppendVarint(dst, wall), u.First)
	return binary.AppendUvarint(dst, uint64(u.Count))
}

// DecodeKeys decodes a number of uses and adds them to w. Times after now, which
// come from another run's clock, become now.
func DecodeKeys(d *record.Decoder, w *Keys, windowMS, now int64) {
	n := d.Uvarint()
	if n > uint64(d.Left()) {
		d.Fail()
		return
	}
	for ; n > 0; n-- {
		u := KeyUse{Hash: KeyHash{Hi: d.Uint64(), Lo: d.Uint64()}, At: min(d.Varint(), now), First: d.Uvarint(), Count: uint32(d.Uvarint())}
		if d.Failed() {
			return
		}
		w.Add(u, windowMS)
	}
}
