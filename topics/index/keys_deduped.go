package index

import "slices"

// deduped has the records that writes of a generation did not append.
type deduped struct {
	uses  []dedupedUse // oldest first; only appended to
	bytes int64        // in what is packed
}

// dedupedUse has those of one write, as package entry packs them.
type dedupedUse struct {
	use    int // its place in the generation
	packed []byte
}

const (
	dedupedBytes    = 32
	dedupedUseBytes = 32
)

// KeyBytes returns the memory that one more key takes, if the records that its write
// did not append are packed in so many bytes.
func KeyBytes(packed int) int64 {
	if packed == 0 {
		return KeyUseBytes
	}
	return KeyUseBytes + dedupedUseBytes + int64(packed)
}

// Len returns the number of uses that are held, with those whose window has ended.
func (w *Keys) Len() (n int) {
	for _, g := range w.generations {
		n += len(g.uses)
	}
	return n
}

// Deduped sets the records that the write of a use did not append, packed. The use
// is the n-th, from 0, and no later one has some yet. Deduped returns it, and false if there
// is none.
func (w *Keys) Deduped(n int, packed []byte) (KeyUse, bool) {
	for _, g := range w.generations {
		if n >= len(g.uses) {
			n -= len(g.uses)
			continue
		}
		if g.deduped == nil {
			g.deduped = &deduped{}
		}
		g.deduped.uses = append(g.deduped.uses, dedupedUse{n, packed})
		g.deduped.bytes += int64(len(packed))
		return g.uses[n], true
	}
	return KeyUse{}, false
}

// search returns where the first use is, or would be, that is not before a place.
func (d *deduped) search(use int) (at int, found bool) {
	return slices.BinarySearchFunc(d.uses, use, func(d dedupedUse, use int) int { return d.use - use })
}

// of returns what the use at a place has, packed; nil if it has nothing.
func (d *deduped) of(use int) []byte {
	if d == nil {
		return nil
	}
	at, found := d.search(use)
	if !found {
		return nil
	}
	return d.uses[at].packed
}

// from returns the uses from a place on that have some.
func (d *deduped) from(use int) []dedupedUse {
	if d == nil {
		return nil
	}
	at, _ := d.search(use)
	return d.uses[at:]
}

// memory returns how many bytes of memory it takes.
func (d *deduped) memory() int64 {
	if d == nil {
		return 0
	}
	return dedupedBytes + dedupedUseBytes*int64(cap(d.uses)) + d.bytes
}
