package index

// SeqWindow is a copy of a short stretch of a SeqSet, for reads without the
// topic's lock. A nil SeqWindow has no seq.
type SeqWindow struct {
	from uint64
	bits []uint64
}

// Window returns the part of the set in [from, below), or nil if that is empty.
func (s *SeqSet) Window(from, below uint64) *SeqWindow {
	if below <= from {
		return nil
	}
	w := &SeqWindow{from: from, bits: make([]uint64, (below-from+63)/64)}
	s.Each(from, below-1, func(seq uint64) bool {
		w.bits[(seq-from)/64] |= 1 << ((seq - from) % 64)
		return true
	})
	return w
}

// Has reports whether seq is in the window.
func (w *SeqWindow) Has(seq uint64) bool {
	if w == nil || seq < w.from {
		return false
	}
	i := (seq - w.from) / 64
	return i < uint64(len(w.bits)) && w.bits[i]>>((seq-w.from)%64)&1 == 1
}
