package segment

import (
	"encoding/binary"
	"math"
)

// ExtentRecords is the maximum number of records in an extent.
const ExtentRecords = 2048

// Extent is an entry of the table: up to ExtentRecords consecutive records of
// one topic.
type Extent struct {
	Topic           uint64
	First, Last     uint64 // seqs
	FirstTS, LastTS int64  // times
	Bytes           uint64 // sum of the payload sizes

	page place // the extent's page
	// dir is the directory of the topic's tags, or zero if it has none. In the
	// table, only the first extent of a topic has it.
	dir   place
	Count uint32 // number of records
}

// place is the position of a page in the index.
type place struct {
	off  int64
	size uint32 // of the whole frame
}

// HasTags reports whether the topic has tags in this segment. It is valid only
// for the first extent of a topic and after ShareTags.
func (e *Extent) HasTags() bool { return e.dir.size > 0 }

// ShareTags copies the place of the topic's tags from first, which is the first
// extent of the same topic in the same segment.
func (e *Extent) ShareTags(first *Extent) { e.dir = first.dir }

// appendExtent appends the table's entry for e, which follows prev:
//
//	difference of topics | first seq | last seq - first seq | first time |
//	last time - first time | records | payload bytes | distance of the page |
//	size of the page | size of the directory, its offset
//
// If prev is of the same topic, the first seq and the first time are relative
// to the last ones of prev. The distance of the page is that to the end of
// prev's page. The directory's offset is present only if its size is not 0.
func appendExtent(dst []byte, e, prev *Extent) []byte {
	u := binary.AppendUvarint
	dst = u(dst, e.Topic-prev.Topic)
	same := prev.Count > 0 && e.Topic == prev.Topic
	if same {
		dst = u(dst, e.First-prev.Last)
	} else {
		dst = u(dst, e.First)
	}
	dst = u(dst, e.Last-e.First)
	if same {
		dst = u(dst, uint64(e.FirstTS)-uint64(prev.LastTS))
	} else {
		dst = binary.AppendVarint(dst, e.FirstTS)
	}
	dst = u(dst, uint64(e.LastTS)-uint64(e.FirstTS))
	dst = u(dst, uint64(e.Count))
	dst = u(dst, e.Bytes)
	dst = u(dst, uint64(e.page.off-prev.pageEnd()))
	dst = u(dst, uint64(e.page.size))
	dst = u(dst, uint64(e.dir.size))
	if e.dir.size > 0 {
		dst = u(dst, uint64(e.dir.off))
	}
	return dst
}

// pageEnd returns the offset of the end of e's page. For the zero Extent that
// is the end of the header.
func (e *Extent) pageEnd() int64 { return max(headerSize, e.page.off+int64(e.page.size)) }

// decodeExtent decodes the entry that follows prev. All pages end at or before
// the offset limit. An entry for which ok is true is consistent: Count is
// between 1 and ExtentRecords and at most the number of seqs, and nothing
// overflows.
func decodeExtent(r *reader, prev *Extent, limit int64) (e Extent, ok bool) {
	e.Topic = prev.Topic + r.number(math.MaxUint64-prev.Topic)
	same := prev.Count > 0 && e.Topic == prev.Topic
	if same {
		rise := r.number(math.MaxUint64 - prev.Last)
		e.First = prev.Last + rise
		r.bad = r.bad || rise == 0
	} else {
		e.First = r.uvarint()
	}
	e.Last = e.First + r.number(min(math.MaxUint32, math.MaxUint64-e.First))
	if same {
		e.FirstTS = later(prev.LastTS, r, math.MaxUint64)
	} else {
		e.FirstTS = r.varint()
	}
	e.LastTS = later(e.FirstTS, r, math.MaxUint32)
	e.Count = uint32(r.number(ExtentRecords))
	e.Bytes = r.number(ExtentRecords * math.MaxUint32)
	e.page = decodePlace(r, prev.pageEnd(), limit)
	if size := r.number(uint64(limit)); size > 0 {
		off := r.number(uint64(limit))
		e.dir = place{int64(off), uint32(size)}
		r.bad = r.bad || same || size > math.MaxUint32 || off < headerSize || off > uint64(limit)-size
	}
	ok = !r.bad && e.Count > 0 && e.Last-e.First >= uint64(e.Count-1) &&
		(e.Count > 1 || e.Last == e.First && e.LastTS == e.FirstTS)
	return e, ok
}

// decodePlace decodes a distance from the offset from, and a size. The place
// ends at or before limit.
func decodePlace(r *reader, from, limit int64) place {
	off := from + int64(r.number(uint64(max(0, limit-from))))
	size := r.number(min(math.MaxUint32, uint64(max(0, limit-off))))
	if size <= frameSize {
		r.fail()
	}
	return place{off, uint32(size)}
}

// later decodes a distance of at most limit that can be added to ts.
func later(ts int64, r *reader, limit uint64) int64 {
	most := uint64(math.MaxInt64) - uint64(ts) // right even if ts is negative, since the sum is taken modulo 2^64
	return int64(uint64(ts) + r.number(min(limit, most)))
}
