package index

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"sort"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/e6e95bb8/topics/topics/record"
)

// SeqSet is a set of seqs: for each high half, a compressed bitmap of the low
// halves. The zero SeqSet is empty, and so is a nil *SeqSet, to which nothing
// can be added.
type SeqSet struct {
	parts []seqPart // by high
}

type seqPart struct {
	high uint32
	bits *roaring.Bitmap // never empty
}

func split(seq uint64) (high, low uint32) { return uint32(seq >> 32), uint32(seq) }

// at returns the position of high in parts, or where to insert it.
func (s *SeqSet) at(high uint32) (int, bool) {
	i := sort.Search(len(s.parts), func(i int) bool { return s.parts[i].high >= high })
	return i, i < len(s.parts) && s.parts[i].high == high
}

// Empty reports whether the set has no seq.
func (s *SeqSet) Empty() bool { return s == nil || len(s.parts) == 0 }

// Has reports whether seq is in the set.
func (s *SeqSet) Has(seq uint64) bool {
	if s.Empty() {
		return false
	}
	high, low := split(seq)
	i, ok := s.at(high)
	return ok && s.parts[i].bits.Contains(low)
}

// Add adds seq to the set.
func (s *SeqSet) Add(seq uint64) {
	high, low := split(seq)
	i, ok := s.at(high)
	if !ok {
		s.parts = slices.Insert(s.parts, i, seqPart{high, roaring.New()})
	}
	s.parts[i].bits.Add(low)
}

// Next returns the first seq of the set at or above seq.
func (s *SeqSet) Next(seq uint64) (uint64, bool) {
	if s.Empty() {
		return 0, false
	}
	high, low := split(seq)
	i, _ := s.at(high)
	for ; i < len(s.parts); i++ {
		p := s.parts[i]
		if p.high > high {
			low = 0
		}
		if v := p.bits.NextValue(low); v >= 0 {
			return uint64(p.high)<<32 | uint64(v), true
		}
	}
	return 0, false
}

// Absent returns the first seq at or above seq that is not in the set.
func (s *SeqSet) Absent(seq uint64) uint64 {
	for s.Has(seq) {
		high, low := split(seq)
		i, _ := s.at(high)
		seq = uint64(high)<<32 + absent(s.parts[i].bits, low)
	}
	return seq
}

// absent returns the first value above v that is not in the bitmap, or 1<<32 if
// there is none. v must be in the bitmap. It searches by counting, because the
// bitmap's own search is wrong beyond the first container.
func absent(bits *roaring.Bitmap, v uint32) uint64 {
	from := uint64(v)
	full := func(n uint64) bool { return bits.CardinalityInRange(from, from+n) == n }
	n := uint64(1)
	for from+2*n <= 1<<32 && full(2*n) {
		n *= 2
	}
	more := sort.Search(int(min(n, 1<<32-from-n)), func(i int) bool { return !full(n + uint64(i) + 1) })
	return from + n + uint64(more)
}

// Any reports whether the set holds a seq of [from, to].
func (s *SeqSet) Any(from, to uint64) bool {
	seq, ok := s.Next(from)
	return ok && seq <= to
}

// all reports whether the set holds every seq of [from, to].
func (s *SeqSet) all(from, to uint64) bool { return s.Count(from, to) == to-from+1 }

// Count returns the number of seqs of [from, to] that are in the set.
func (s *SeqSet) Count(from, to uint64) (n uint64) {
	if s.Empty() {
		return 0
	}
	for _, p := range s.parts {
		first, last := uint64(p.high)<<32, uint64(p.high)<<32|math.MaxUint32
		if last >= from && first <= to {
			n += p.bits.CardinalityInRange(max(from, first)-first, min(to, last)-first+1)
		}
	}
	return n
}

// Each calls f with the seqs of [from, to] in order until f returns false.
func (s *SeqSet) Each(from, to uint64, f func(seq uint64) bool) {
	if s.Empty() {
		return
	}
	high, low := split(from)
	i, _ := s.at(high)
	for ; i < len(s.parts); i++ {
		p := s.parts[i]
		it := p.bits.Iterator()
		if p.high == high {
			it.AdvanceIfNeeded(low)
		}
		for it.HasNext() {
			if seq := uint64(p.high)<<32 | uint64(it.Next()); seq > to || !f(seq) {
				return
			}
		}
	}
}

// Seqs returns the seqs of the set, in order.
func (s *SeqSet) Seqs() (seqs []uint64) {
	s.Each(0, math.MaxUint64, func(seq uint64) bool {
		seqs = append(seqs, seq)
		return true
	})
	return seqs
}

// AddRange adds the seqs of [from, to].
func (s *SeqSet) AddRange(from, to uint64) {
	for from <= to {
		high, low := split(from)
		last := min(to, uint64(high)<<32|math.MaxUint32)
		i, ok := s.at(high)
		if !ok {
			s.parts = slices.Insert(s.parts, i, seqPart{high, roaring.New()})
		}
		s.parts[i].bits.AddRange(uint64(low), last-uint64(high)<<32+1)
		if last == math.MaxUint64 {
			return
		}
		from = last + 1
	}
}

// RemoveRange removes the seqs of [from, to].
func (s *SeqSet) RemoveRange(from, to uint64) {
	if s.Empty() || from > to {
		return
	}
	s.parts = slices.DeleteFunc(s.parts, func(p seqPart) bool {
		first, last := uint64(p.high)<<32, uint64(p.high)<<32|math.MaxUint32
		if last < from || first > to {
			return false
		}
		p.bits.RemoveRange(max(from, first)-first, min(to, last)-first+1)
		return p.bits.IsEmpty()
	})
	if len(s.parts) == 0 {
		s.parts = nil
	}
}

// Subtract removes the seqs of o.
func (s *SeqSet) Subtract(o *SeqSet) {
	if s.Empty() || o.Empty() {
		return
	}
	s.parts = slices.DeleteFunc(s.parts, func(p seqPart) bool {
		if i, ok := o.at(p.high); ok {
			p.bits.AndNot(o.parts[i].bits)
		}
		return p.bits.IsEmpty()
	})
}

// Unite adds the seqs of o.
func (s *SeqSet) Unite(o *SeqSet) {
	for _, p := range o.parts {
		if i, ok := s.at(p.high); ok {
			s.parts[i].bits.Or(p.bits)
		} else {
			s.parts = slices.Insert(s.parts, i, seqPart{p.high, p.bits.Clone()})
		}
	}
}

// Clone returns a deep copy, or nil if the set is empty.
func (s *SeqSet) Clone() *SeqSet {
	if s.Empty() {
		return nil
	}
	c := &SeqSet{parts: slices.Clone(s.parts)}
	for i := range c.parts {
		c.parts[i].bits = c.parts[i].bits.Clone()
	}
	return c
}

// Append appends the encoding of the set: the number of parts, then of each part
// the high half and the bitmap in roaring's portable format.
func (s *SeqSet) Append(dst []byte) ([]byte, error) {
	if s.Empty() {
		return binary.AppendUvarint(dst, 0), nil
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.parts)))
	for _, p := range s.parts {
		p.bits.RunOptimize()
		b, err := p.bits.ToBytes()
		if err != nil {
			return nil, err
		}
		dst = record.AppendBytes(binary.AppendUvarint(dst, uint64(p.high)), b)
	}
	return dst, nil
}

// DecodeSeqSet decodes what Append has encoded. It returns nil for an empty set.
func DecodeSeqSet(d *record.Decoder) *SeqSet {
	s := &SeqSet{}
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		high, b := d.Uvarint(), d.Bytes()
		bits := roaring.New()
		if m, err := bits.ReadFrom(bytes.NewReader(b)); err != nil || int(m) != len(b) || bits.Validate() != nil ||
			bits.IsEmpty() || high > math.MaxUint32 || len(s.parts) > 0 && s.parts[len(s.parts)-1].high >= uint32(high) {
			d.Fail()
			return nil
		}
		s.parts = append(s.parts, seqPart{uint32(high), bits})
	}
	if s.Empty() {
		return nil
	}
	return s
}
