package index

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
)

// Tags finds the records of a topic's index by tag. The zero Tags is
// empty. The topic's lock guards it.
type Tags struct {
	blocks []*tagBlock // by seq; all but the last are sealed
}

// tagBlock covers up to tagBlockRecords tagged records. While it is open, the
// records are stored one after the other and a search decodes all of them. When
// it is full it is sealed: sorted by tag for binary search. Both forms take a
// few bytes per record in addition to the tag.
type tagBlock struct {
	first, last uint64 // seqs
	records     int
	packed      []byte // of each record: the distance to the seq before, the tag; nil when sealed

	// The sealed form.
	tags []byte   // the distinct tags, in order
	ends []tagEnd // of each distinct tag
	seqs []uint32 // by tag, relative to first
}

// tagEnd is where a tag ends in tags, and where its seqs end in seqs.
type tagEnd struct{ tag, seq uint32 }

// tagBlockRecords is small enough for a linear search, and for a block to be
// removed soon after its records have left the log.
const tagBlockRecords = 1 << 10

// PackTag appends a record's tag to the packed tags of its frame. skipped is the
// number of records without a tag since the last one that had one.
func PackTag(dst []byte, skipped int, tag []byte) []byte {
	return record.AppendBytes(binary.AppendUvarint(dst, uint64(skipped)), tag)
}

// eachTag calls f with the packed tags of a frame's records.
func eachTag(packed []byte, f func(ordinal int, tag []byte)) {
	d := record.NewDecoder(packed)
	for ordinal := 0; d.Left() > 0; ordinal++ {
		ordinal += int(d.Uvarint())
		f(ordinal, d.Bytes())
	}
}

// Add appends the packed tags of the frame whose first seq is first.
func (x *Tags) Add(first uint64, packed []byte) {
	eachTag(packed, func(ordinal int, tag []byte) {
		seq := first + uint64(ordinal)
		b := x.tail(seq)
		b.packed = record.AppendBytes(binary.AppendUvarint(b.packed, seq-b.last), tag)
		b.last = seq
		b.records++
		if b.records == tagBlockRecords {
			b.seal()
		}
	})
}

// tail returns the open block for seq.
func (x *Tags) tail(seq uint64) *tagBlock {
	if n := len(x.blocks); n > 0 {
		if b := x.blocks[n-1]; b.packed != nil && seq-b.first <= 1<<32-1 {
			return b
		}
	}
	b := &tagBlock{first: seq, last: seq}
	x.blocks = append(x.blocks, b)
	return b
}

// each calls f with the records of an open block.
func (b *tagBlock) each(f func(seq uint64, tag []byte)) {
	d := record.NewDecoder(b.packed)
	for seq := b.first; d.Left() > 0; {
		seq += d.Uvarint()
		f(seq, d.Bytes())
	}
}

// seal sorts an open block.
func (b *tagBlock) seal() {
	type rec struct {
		tag []byte
		seq uint32
	}
	records := make([]rec, 0, b.records)
	b.each(func(seq uint64, tag []byte) { records = append(records, rec{tag, uint32(seq - b.first)}) })
	slices.SortStableFunc(records, func(a, b rec) int { return bytes.Compare(a.tag, b.tag) })
	b.tags, b.seqs = []byte{}, make([]uint32, len(records)) // the empty tag is a tag, too
	for i, r := range records {
		b.seqs[i] = r.seq
		if i > 0 && bytes.Equal(r.tag, records[i-1].tag) {
			b.ends[len(b.ends)-1].seq++
			continue
		}
		b.tags = append(b.tags, r.tag...)
		b.ends = append(b.ends, tagEnd{uint32(len(b.tags)), uint32(i + 1)})
	}
	b.tags, b.ends, b.packed = slices.Clone(b.tags), slices.Clone(b.ends), nil
}

// tag returns the i-th distinct tag of a sealed block and the range of its seqs.
func (b *tagBlock) tag(i int) (tag []byte, from, to uint32) {
	var before tagEnd
	if i > 0 {
		before = b.ends[i-1]
	}
	return b.tags[before.tag:b.ends[i].tag], before.seq, b.ends[i].seq
}

// Find calls f, in no order, with the seqs of [from, to] whose tag matches.
func (x *Tags) Find(m *record.Match, from, to uint64, f func(seq uint64)) {
	for _, b := range x.blocks {
		if b.last < from || b.first > to {
			continue
		}
		if b.packed != nil {
			b.each(func(seq uint64, tag []byte) {
				if seq >= from && seq <= to && m.Tag(tag) {
					f(seq)
				}
			})
			continue
		}
		i := sort.Search(len(b.ends), func(i int) bool {
			tag, _, _ := b.tag(i)
			return bytes.Compare(tag, []byte(m.Value)) >= 0
		})
		for ; i < len(b.ends); i++ {
			tag, start, end := b.tag(i)
			if !m.Matches(tag) {
				break
			}
			for _, n := range b.seqs[start:end] {
				if seq := b.first + uint64(n); seq >= from && seq <= to {
					f(seq)
				}
			}
		}
	}
}

// Truncate removes the blocks that end at or below through. It may keep records
// below through: Find must not be called with such a from.
func (x *Tags) Truncate(through uint64) {
	n := 0
	for n < len(x.blocks) && x.blocks[n].last <= through {
		n++
	}
	x.blocks = slices.Delete(x.blocks, 0, n)
	if len(x.blocks) == 0 {
		x.blocks = nil
	}
}

// RecordColumns decodes the count records in p. It appends the payload size of
// each to sizes and the packed tags to tags. The records must fill p exactly.
func RecordColumns(sizes []uint32, tags, p []byte, count int) ([]uint32, []byte, error) {
	tagged := 0 // number of records up to the last one with a tag
	for i := range count {
		r, rest, err := record.NextRecord(p)
		if err != nil {
			return sizes, tags, err
		}
		sizes = append(sizes, uint32(r.PayloadBytes()))
		if r.Tag != nil {
			tags = PackTag(tags, i-tagged, r.Tag)
			tagged = i + 1
		}
		p = rest
	}
	if len(p) > 0 {
		return sizes, tags, record.ErrMalformed
	}
	return sizes, tags, nil
}
