package topics

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
)

// index says where a topic's live records are: one entry per frame and one or
// two bytes per record, in blocks that start small and hold no pointers, so
// that the collector does not walk them. The topic's lock guards it.
type index struct {
	blocks []*block // oldest first; none is empty
	// The first live record: an entry of blocks[0], a record in it, and the
	// offset of its size in sizes.
	entry, record, size int
	ephemeral           int // frames whose records are here and not in the log
}

// blockEntries is the most frames a block holds: dropping a block gives its
// memory back, and a search looks at few of them.
const blockEntries = 512

// block covers consecutive seqs: entries[i] holds those up to entries[i+1]'s
// first, the last one those up to next.
type block struct {
	lsn     wal.LSN // what the entries count from
	first   uint64
	ts      int64
	next    uint64 // the seq after the block's last
	entries []indexEntry
	sizes   []byte   // payload bytes of each record, varints
	bodies  [][]byte // an ephemeral topic's records; nil: they are in the log
}

// indexEntry is 12 bytes, because there is one for each lone record.
type indexEntry struct {
	lsn uint32 // in units of 8 bytes
	seq uint32
	ts  uint32
}

// frameRef is one frame as the index knows it.
type frameRef struct {
	lsn   wal.LSN
	first uint64
	count int
	ts    int64
	body  []byte // ephemeral records; nil: read the log at lsn
}

// add puts a frame behind the others. Its seqs are above all that are there.
func (x *index) add(lsn wal.LSN, first uint64, ts int64, sizes []uint32, body []byte) {
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

// tail returns the block that a frame goes into.
func (x *index) tail(lsn wal.LSN, first uint64, ts int64, ephemeral bool) *block {
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

func (b *block) ref(i int) frameRef {
	e := b.entries[i]
	r := frameRef{lsn: b.lsn + 8*wal.LSN(e.lsn), first: b.first + uint64(e.seq), ts: b.ts + int64(e.ts)}
	end := b.next
	if i+1 < len(b.entries) {
		end = b.first + uint64(b.entries[i+1].seq)
	}
	r.count = int(end - r.first)
	if b.bodies != nil {
		r.body = b.bodies[i]
	}
	return r
}

// entry is where the frame is that holds a seq of the block.
func (b *block) entry(seq uint64) int {
	return sort.Search(len(b.entries), func(i int) bool { return b.first+uint64(b.entries[i].seq) > seq }) - 1
}

// front is the first live record's seq and timestamp; false: there is none.
func (x *index) front() (seq uint64, ts int64, ok bool) {
	if len(x.blocks) == 0 {
		return 0, 0, false
	}
	e := x.blocks[0].entries[x.entry]
	return x.blocks[0].first + uint64(e.seq) + uint64(x.record), x.blocks[0].ts + int64(e.ts), true
}

// frontIsEphemeral reports whether the first live record is not in the log.
func (x *index) frontIsEphemeral() bool {
	return len(x.blocks) > 0 && x.blocks[0].bodies != nil
}

// pop drops the first live record and returns its payload bytes and the bytes
// of ephemeral memory that became free with it.
func (x *index) pop() (bytes int64, freed int) {
	b := x.blocks[0]
	n, width := binary.Uvarint(b.sizes[x.size:])
	x.size += width
	x.record++
	if x.record < b.ref(x.entry).count {
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

// from returns the frames that hold live seqs in [seq, below): all of them, or
// as many as hold that many records.
func (x *index) from(seq, below uint64, records int) (refs []frameRef, all bool) {
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
			case r.first >= below:
				return refs, true
			case records <= 0:
				return refs, false
			case r.gone():
				continue
			}
			refs = append(refs, r)
			records -= r.count - int(max(seq, r.first)-r.first)
		}
	}
	return refs, true
}

// cut forgets the frames up to the one that ends at through, whatever is live
// in them, and returns the bytes of ephemeral memory that became free.
func (x *index) cut(through uint64) (freed int) {
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
		seq, _, ok := x.front()
		if !ok || seq > through {
			return freed
		}
		_, n := x.pop()
		freed += n
	}
}

// view returns a copy of the index as it is, which stays so without the lock.
func (x *index) view() index {
	v := *x
	v.blocks = make([]*block, len(x.blocks))
	copies := make([]block, len(x.blocks))
	for i, b := range x.blocks {
		copies[i] = *b // what its slices hold is never changed, but for bodies
		copies[i].bodies = slices.Clone(b.bodies)
		v.blocks[i] = &copies[i]
	}
	return v
}

// durable is the last seq that is in the log; 0: none is.
func (x *index) durable() uint64 {
	for _, b := range slices.Backward(x.blocks) {
		if b.bodies == nil {
			return b.next - 1
		}
	}
	return 0
}

// each calls f with every live record in order: its frame, its place in it, its
// seq and its payload's size. It ends early when f says stop.
func (x *index) each(f func(frame *frameRef, ordinal int, seq uint64, size uint32) bool) {
	for i, b := range x.blocks {
		entry, ordinal, sizes := 0, 0, b.sizes
		if i == 0 {
			entry, ordinal, sizes = x.entry, x.record, b.sizes[x.size:]
		}
		for ; entry < len(b.entries); entry, ordinal = entry+1, 0 {
			frame := b.ref(entry)
			for ; ordinal < frame.count; ordinal++ {
				n, width := binary.Uvarint(sizes)
				sizes = sizes[width:]
				if !frame.gone() && !f(&frame, ordinal, frame.first+uint64(ordinal), uint32(n)) {
					return
				}
			}
		}
	}
}

// sums adds up the records of set that are in the index.
func (x *index) sums(set *seqSet) (sum record.Size) {
	for i, b := range x.blocks {
		if !set.any(b.first, b.next-1) {
			continue
		}
		part := index{blocks: []*block{b}}
		if i == 0 {
			part.entry, part.record, part.size = x.entry, x.record, x.size
		}
		part.each(func(_ *frameRef, _ int, seq uint64, size uint32) bool {
			if set.has(seq) {
				sum.Add(record.Size{Records: 1, Bytes: int64(size)})
			}
			return true
		})
	}
	return sum
}

// drop empties the index and returns the ephemeral bytes that became free.
func (x *index) drop() (freed int64) {
	for _, b := range x.blocks {
		for _, body := range b.bodies {
			freed += int64(len(body))
		}
	}
	*x = index{}
	return freed
}
