package segment

import (
	"encoding/binary"
	"math"
)

// ExtentRecords is the most records that an extent has.
const ExtentRecords = 2048

// Extent is what the table says of up to ExtentRecords records of one topic
// that follow each other.
type Extent struct {
	Topic           uint64
	First, Last     uint64 // seqs
	FirstTS, LastTS int64  // times
	Bytes           uint64 // sum of the payload sizes

	page place // its own page
	// dir is the directory of the topic's tags. It stands on the first extent
	// of the topic only; zero if there are no tags.
	dir   place
	Count uint32 // records
}

// place is where a page stands in the index.
type place struct {
	off  int64
	size uint32 // of the whole frame, in bytes
}

// HasTags reports whether the topic has tags in this segment. Only the first
// extent of a topic knows, and those that ShareTags has told.
func (e *Extent) HasTags() bool { return e.dir.size > 0 }

// ShareTags makes e find the tags that first finds, the first extent of the
// same topic in the same segment.
func (e *Extent) ShareTags(first *Extent) { e.dir = first.dir }

// appendExtent appends the table's entry for e, which follows prev.
//
//	topic's rise | first seq | seqs to the last | first time | time to the last |
//	records | payload bytes | page's distance | page's size | directory's size, offset
//
// In the topic of prev the first seq is the distance to prev's last, and so is
// the time. The page's distance is that to the end of prev's page. There is an
// offset only if there is a directory.
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

// pageEnd is the offset behind e's page; for the zero Extent that behind the
// header.
func (e *Extent) pageEnd() int64 { return max(headerSize, e.page.off+int64(e.page.size)) }

// decodeExtent takes the entry that follows prev. All pages end at or before
// the offset limit. What it returns is consistent in itself: Count is from 1
// to ExtentRecords and not more than there are seqs, nothing overflows.
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

// decodePlace takes a distance from the offset from, and a size; both are so
// that the place ends at or before limit.
func decodePlace(r *reader, from, limit int64) place {
	off := from + int64(r.number(uint64(max(0, limit-from))))
	size := r.number(min(math.MaxUint32, uint64(max(0, limit-off))))
	if size <= frameSize {
		r.fail()
	}
	return place{off, uint32(size)}
}

// later takes a distance of at most limit from ts that does not overflow.
func later(ts int64, r *reader, limit uint64) int64 {
	most := uint64(math.MaxInt64) - uint64(ts) // right also when ts is negative: the sum is taken modulo 2^64
	return int64(uint64(ts) + r.number(min(limit, most)))
}
