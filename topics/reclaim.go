package topics

import "slices"

// What is deleted in the middle of a topic stays in the index and in the tags
// until what is live before it has gone. In a checkpoint all of it goes, but
// ephemeral records are in none: behind one that stays for ever they would
// gather for ever. So what no live record needs goes at once.

// gone says that nothing of an ephemeral frame is live, and its records are let
// go. Those of a frame take at least a byte each.
func (f *frameRef) gone() bool { return f.body != nil && len(f.body) == 0 }

// reclaim lets go of the ephemeral frames with records in set of which nothing
// is live, and forgets those of whole blocks. dead is all that is deleted. It
// returns the bytes of ephemeral memory that became free.
func (x *index) reclaim(set, dead *seqSet) (freed int) {
	if x.ephemeral == 0 {
		return 0
	}
	front := x.blocks[0]
	x.blocks = slices.DeleteFunc(x.blocks, func(b *block) bool {
		if b.bodies == nil || !set.any(b.first, b.next-1) {
			return false
		}
		freed += b.reclaim(set, dead)
		if !dead.all(b.first, b.next-1) {
			return false
		}
		for _, body := range b.bodies {
			if body != nil {
				x.ephemeral--
			}
		}
		return true
	})
	if len(x.blocks) == 0 || x.blocks[0] != front {
		x.entry, x.record, x.size = 0, 0, 0
	}
	return freed
}

func (b *block) reclaim(set, dead *seqSet) (freed int) {
	for seq, ok := set.next(b.first); ok && seq < b.next; {
		i := b.entry(seq)
		f := b.ref(i)
		last := f.first + uint64(f.count) - 1
		if f.body != nil && dead.all(f.first, last) {
			freed += len(f.body)
			b.bodies[i] = []byte{}
		}
		seq, ok = set.next(last + 1)
	}
	return freed
}

// reclaim forgets the blocks with records in set of which nothing is live.
func (x *tagIndex) reclaim(set, dead *seqSet) {
	x.blocks = slices.DeleteFunc(x.blocks, func(b *tagBlock) bool {
		return set.any(b.first, b.last) && dead.all(b.first, b.last)
	})
	if len(x.blocks) == 0 {
		x.blocks = nil
	}
}
