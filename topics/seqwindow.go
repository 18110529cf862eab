package topics

// seqWindow is a copy of a short stretch of a seqSet, for reads without the
// topic's lock. A nil seqWindow has no seq.
type seqWindow struct {
	from uint64
	bits []uint64
}

// window returns the part of the set in [from, below), or nil if that is empty.
func (s *seqSet) window(from, below uint64) *seqWindow {
	if below <= from {
		return nil
	}
	w := &seqWindow{from: from, bits: make([]uint64, (below-from+63)/64)}
	s.each(from, below-1, func(seq uint64) bool {
		w.bits[(seq-from)/64] |= 1 << ((seq - from) % 64)
		return true
	})
	return w
}

// has reports whether seq is in the window.
func (w *seqWindow) has(seq uint64) bool {
	if w == nil || seq < w.from {
		return false
	}
	i := (seq - w.from) / 64
	return i < uint64(len(w.bits)) && w.bits[i]>>((seq-w.from)%64)&1 == 1
}
