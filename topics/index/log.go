package index

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// Log locates the live records of a topic that are in the log, and holds
// the ephemeral ones, which are in memory only. It takes one entry per frame
// and one or two bytes per record, in blocks that start small and hold no
// pointers, so that the garbage collector does not scan them.
//
// The zero Log is empty. The topic's lock guards it.
type Log struct {
	blocks []*block // oldest first; none is empty
	// The first live record: an entry of blocks[0], a record of that entry,
	// and the offset of the record's size in sizes.
	entry, record, size int
	ephemeral           int // number of frames whose records are in memory only
}

// blockEntries is the maximum number of frames in a block. Memory is returned
// block by block, and a search scans the frames of one block.
const blockEntries = 512

// block covers consecutive seqs: entries[i] holds the seqs up to the first one
// of entries[i+1], and the last entry those below next.
type block struct {
	lsn     wal.LSN // base of the entries' positions
	first   uint64  // base of the entries' seqs
	ts      int64   // base of the entries' timestamps
	next    uint64  // the seq after the block's last one
	entries []indexEntry
	sizes   []byte   // payload bytes of each record, as varints
	bodies  [][]byte // encoded records of ephemeral frames; nil if the records are in the log
}

// indexEntry is kept at 12 bytes: a topic of single writes has one for each record.
type indexEntry struct {
	lsn uint32 // in units of 8 bytes
	seq uint32
	ts  uint32
}

// Frame describes one frame of the index.
type Frame struct {
	LSN   wal.LSN
	First uint64 // seq of the frame's first record
	Count int    // number of records, including those that are not live
	TS    int64
	Body  []byte // encoded ephemeral records; nil if they are in the log at lsn
}

// freed reports whether the frame was ephemeral and its memory has been freed
// because none of its records is live. Encoded records take at least one byte.
func (f *Frame) freed() bool { return f.Body != nil && len(f.Body) == 0 }

// Add appends a frame. Its seqs must be above all seqs in the index.
func (x *Log) Add(lsn wal.LSN, first uint64, ts int64, sizes []uint32, body []byte) {
	b := x.tail(lsn, first, ts, body != nil)
	b.entries = append(b.entries, indexEntry{
		lsn: uint32((lsn - b.lsn) / 8), seq: uint32(first - b.first), ts: uint32(ts - b.ts),
	})
	for _, n := range sizes {
		b.sizes = binary.AppendUvarint(b.sizes, uint64(n))
	}
	if body != nil {
		b.bodies = append(b.bodies, body)
		x.ephemeral++
	}
	b.next = first + uint64(len(sizes))
}

// tail returns the block to which a frame is to be appended.
func (x *Log) tail(lsn wal.LSN, first uint64, ts int64, ephemeral bool) *block {
	if n := len(x.blocks); n > 0 {
		b := x.blocks[n-1]
		if b.next == first && len(b.entries) < blockEntries && (b.bodies != nil) == ephemeral &&
			(ephemeral || (lsn-b.lsn)/8 <= math.MaxUint32) &&
			first-b.first <= math.MaxUint32 && ts-b.ts <= math.MaxUint32 {
			return b
		}
	}
	b := &block{lsn: lsn, first: first, ts: ts, next: first}
	if ephemeral {
		b.bodies = make([][]byte, 0, 1)
	}
	x.blocks = append(x.blocks, b)
	return b
}

// ref returns the i-th frame of the block.
func (b *block) ref(i int) Frame {
	e := b.entries[i]
	r := Frame{LSN: b.lsn + 8*wal.LSN(e.lsn), First: b.first + uint64(e.seq), TS: b.ts + int64(e.ts)}
	end := b.next
	if i+1 < len(b.entries) {
		end = b.first + uint64(b.entries[i+1].seq)
	}
	r.Count = int(end - r.First)
	if b.bodies != nil {
		r.Body = b.bodies[i]
	}
	return r
}

// entry returns the number of the frame that holds seq, which the block covers.
func (b *block) entry(seq uint64) int {
	return sort.Search(len(b.entries), func(i int) bool { return b.first+uint64(b.entries[i].seq) > seq }) - 1
}

// Empty reports whether the index has no live record.
func (x *Log) Empty() bool { return len(x.blocks) == 0 }

// Front returns the seq and the timestamp of the first live record, if there
// is one.
func (x *Log) Front() (seq uint64, ts int64, ok bool) {
	if len(x.blocks) == 0 {
		return 0, 0, false
	}
	e := x.blocks[0].entries[x.entry]
	return x.blocks[0].first + uint64(e.seq) + uint64(x.record), x.blocks[0].ts + int64(e.ts), true
}

// FrontIsEphemeral reports whether the first live record is in memory only.
func (x *Log) FrontIsEphemeral() bool {
	return len(x.blocks) > 0 && x.blocks[0].bodies != nil
}

// EphemeralFrames returns the number of frames whose records are in memory only.
func (x *Log) EphemeralFrames() int { return x.ephemeral }

// Pop removes the first live record. It returns the record's payload bytes and
// the bytes of ephemeral memory that were freed.
func (x *Log) Pop() (bytes int64, freed int) {
	b := x.blocks[0]
	n, width := binary.Uvarint(b.sizes[x.size:])
	x.size += width
	x.record++
	if x.record < b.ref(x.entry).Count {
		return int64(n), 0
	}
	if b.bodies != nil {
		freed = len(b.bodies[x.entry])
		b.bodies[x.entry] = nil
		x.ephemeral--
	}
	x.entry, x.record = x.entry+1, 0
	if x.entry == len(b.entries) {
		x.blocks[0] = nil
		x.blocks = x.blocks[1:]
		x.entry, x.size = 0, 0
	}
	return int64(n), freed
}

// From returns the frames that hold live seqs in [seq, below), and whether
// these are all of them. It stops after as many frames as hold the given
// number of records.
func (x *Log) From(seq, below uint64, records int) (refs []Frame, all bool) {
	i := sort.Search(len(x.blocks), func(i int) bool { return x.blocks[i].next > seq })
	for ; i < len(x.blocks); i++ {
		b := x.blocks[i]
		j := 0
		if seq > b.first {
			j = b.entry(seq)
		}
		if i == 0 {
			j = max(j, x.entry)
		}
		for ; j < len(b.entries); j++ {
			r := b.ref(j)
			switch {
			case r.First >= below:
				return refs, true
			case records <= 0:
				return refs, false
			case r.freed():
				continue
			}
			refs = append(refs, r)
			records -= r.Count - int(max(seq, r.First)-r.First)
		}
	}
	return refs, true
}

// Frame returns the frame that holds a seq, which is live; false if no frame of
// the index does.
func (x *Log) Frame(seq uint64) (Frame, bool) {
	i := x.block(seq)
	if i == len(x.blocks) || x.blocks[i].first > seq {
		return Frame{}, false
	}
	b := x.blocks[i]
	f := b.ref(b.entry(seq))
	return f, !f.freed()
}

// block returns the number of the first block that ends at or above seq.
func (x *Log) block(seq uint64) int {
	return sort.Search(len(x.blocks), func(i int) bool { return x.blocks[i].next > seq })
}

// Truncate removes every record up to the seq through, live or not, and
// returns the bytes of ephemeral memory that were freed.
func (x *Log) Truncate(through uint64) (freed int) {
	for len(x.blocks) > 0 && x.blocks[0].next <= through+1 {
		for _, body := range x.blocks[0].bodies {
			if body != nil {
				freed += len(body)
				x.ephemeral--
			}
		}
		x.blocks[0] = nil
		x.blocks = x.blocks[1:]
		x.entry, x.record, x.size = 0, 0, 0
	}
	for {
		seq, _, ok := x.Front()
		if !ok || seq > through {
			return freed
		}
		_, n := x.Pop()
		freed += n
	}
}

// View returns a copy of the index that later changes do not affect. It may be
// read without the topic's lock.
func (x *Log) View() Log {
	v := *x
	v.blocks = make([]*block, len(x.blocks))
	copies := make([]block, len(x.blocks))
	for i, b := range x.blocks {
		copies[i] = *b // the elements of its slices never change, except those of bodies
		copies[i].bodies = slices.Clone(b.bodies)
		v.blocks[i] = &copies[i]
	}
	return v
}

// Durable returns the last seq that is in the log, or 0 if none is.
func (x *Log) Durable() uint64 {
	for _, b := range slices.Backward(x.blocks) {
		if b.bodies == nil {
			return b.next - 1
		}
	}
	return 0
}

// Each calls f for every record from the first live one on, in order, until f
// returns false. The arguments are the record's frame, its number in that
// frame, its seq and its payload size. Records of freed frames are left out.
func (x *Log) Each(f func(frame *Frame, ordinal int, seq uint64, size uint32) bool) {
	for i, b := range x.blocks {
		entry, ordinal, sizes := 0, 0, b.sizes
		if i == 0 {
			entry, ordinal, sizes = x.entry, x.record, b.sizes[x.size:]
		}
		for ; entry < len(b.entries); entry, ordinal = entry+1, 0 {
			frame := b.ref(entry)
			for ; ordinal < frame.Count; ordinal++ {
				n, width := binary.Uvarint(sizes)
				sizes = sizes[width:]
				if !frame.freed() && !f(&frame, ordinal, frame.First+uint64(ordinal), uint32(n)) {
					return
				}
			}
		}
	}
}

// Sum returns the total size of the records of set that are in the index, all
// of which are live.
func (x *Log) Sum(set *SeqSet) (sum record.Size) {
	next, _, ok := x.Front()
	for ok {
		next, ok = set.Next(next)
		if i := x.block(next); ok && i < len(x.blocks) {
			next = max(next, x.blocks[i].first)
			sum.Add(x.sumBlock(i, set, next))
			next = x.blocks[i].next
			continue
		}
		return sum
	}
	return sum
}

// sumBlock returns the total size of the records of set that are in the i-th
// block, from a seq on.
func (x *Log) sumBlock(i int, set *SeqSet, from uint64) (sum record.Size) {
	b := x.blocks[i]
	at, sizes := b.first, b.sizes
	if i == 0 {
		at, _, _ = x.Front()
		sizes = sizes[x.size:]
	}
	set.Each(from, b.next-1, func(seq uint64) bool {
		for ; at < seq; at++ {
			sizes = sizes[varintLen(sizes):]
		}
		n, width := binary.Uvarint(sizes)
		sizes = sizes[width:]
		at++
		sum.Add(record.Size{Records: 1, Bytes: int64(n)})
		return true
	})
	return sum
}

// varintLen returns the length of the varint at the front of p.
func varintLen(p []byte) int {
	n := 0
	for p[n] >= 0x80 {
		n++
	}
	return n + 1
}

// Clear empties the index and returns the bytes of ephemeral memory that were
// freed.
func (x *Log) Clear() (freed int64) {
	for _, b := range x.blocks {
		for _, body := range b.bodies {
			freed += int64(len(body))
		}
	}
	*x = Log{}
	return freed
}
