package index

import "slices"

// Records that are deleted in the middle of a topic stay in the index and in
// the tags until the live records before them have gone. For records in the log
// that is soon: a checkpoint moves all of them to segments. Ephemeral records
// are never moved. After one that is never deleted, dead ones would pile up
// without bound. Prune frees them as soon as no live record needs them.

// Prune frees the ephemeral frames that have records in set and none that is
// live, and removes blocks of which every frame is free. dead is the set of all
// deleted seqs. It returns the bytes of ephemeral memory that were freed.
func (x *Log) Prune(set, dead *SeqSet) (freed int) {
	if x.ephemeral == 0 {
		return 0
	}
	front := x.blocks[0]
	x.blocks = slices.DeleteFunc(x.blocks, func(b *block) bool {
		if b.bodies == nil || !set.Any(b.first, b.next-1) {
			return false
		}
		freed += b.prune(set, dead)
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

func (b *block) prune(set, dead *SeqSet) (freed int) {
	for seq, ok := set.Next(b.first); ok && seq < b.next; {
		i := b.entry(seq)
		f := b.ref(i)
		last := f.First + uint64(f.Count) - 1
		if f.Body != nil && dead.all(f.First, last) {
			freed += len(f.Body)
			b.bodies[i] = []byte{} // see freed
		}
		seq, ok = set.Next(last + 1)
	}
	return freed
}

// Prune removes the blocks that have records in set and none that is live.
func (x *Tags) Prune(set, dead *SeqSet) {
	x.blocks = slices.DeleteFunc(x.blocks, func(b *tagBlock) bool {
		return set.Any(b.first, b.last) && dead.all(b.first, b.last)
	})
	if len(x.blocks) == 0 {
		x.blocks = nil
	}
}
