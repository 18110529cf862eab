package topics

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/e6e95bb8/topics/topics/record"
)

// tagIndex finds the records of a topic's index by tag. The topic's lock
// guards it.
type tagIndex struct {
	blocks []*tagBlock // by seq; all but the last are full
}

// tagBlock covers up to tagBlockRecords tagged records. Until it is full they
// stand one behind the other, and a search looks at each; then it is turned
// into what is searched by halves. Both forms take a few bytes more per record
// than the tags.
type tagBlock struct {
	first, last uint64 // seqs
	records     int
	packed      []byte // of each: its distance to the seq before, its tag; nil: full

	tags []byte   // the distinct tags, in order
	ends []tagEnd // where each tag, and the seqs that have it, end
	seqs []uint32 // counted from first
}

type tagEnd struct{ tag, seq uint32 }

// tagBlockRecords is small enough to be looked through, and to be forgotten
// soon after its records have left the log.
const tagBlockRecords = 1 << 10

// packTag appends a record's tag to those of its frame: how many records come
// before it since the last that had one, and the tag.
func packTag(dst []byte, skipped int, tag []byte) []byte {
	return record.AppendBytes(binary.AppendUvarint(dst, uint64(skipped)), tag)
}

// eachTag calls f with the tags of a frame's records.
func eachTag(packed []byte, f func(ordinal int, tag []byte)) {
	d := record.NewDecoder(packed)
	for ordinal := 0; d.Left() > 0; ordinal++ {
		ordinal += int(d.Uvarint())
		f(ordinal, d.Bytes())
	}
}

// add notes the packed tags of the frame that begins at first.
func (x *tagIndex) add(first uint64, packed []byte) {
	eachTag(packed, func(ordinal int, tag []byte) {
		seq := first + uint64(ordinal)
		b := x.tail(seq)
		b.packed = record.AppendBytes(binary.AppendUvarint(b.packed, seq-b.last), tag)
		b.last = seq
		if b.records++; b.records == tagBlockRecords {
			b.seal()
		}
	})
}

func (x *tagIndex) tail(seq uint64) *tagBlock {
	if n := len(x.blocks); n > 0 {
		if b := x.blocks[n-1]; b.packed != nil && seq-b.first <= 1<<32-1 {
			return b
		}
	}
	b := &tagBlock{first: seq, last: seq}
	x.blocks = append(x.blocks, b)
	return b
}

// each calls f with the records of a block that is not full.
func (b *tagBlock) each(f func(seq uint64, tag []byte)) {
	d := record.NewDecoder(b.packed)
	for seq := b.first; d.Left() > 0; {
		seq += d.Uvarint()
		f(seq, d.Bytes())
	}
}

// seal gives the block its final form.
func (b *tagBlock) seal() {
	type rec struct {
		tag []byte
		seq uint32
	}
	records := make([]rec, 0, b.records)
	b.each(func(seq uint64, tag []byte) { records = append(records, rec{tag, uint32(seq - b.first)}) })
	slices.SortStableFunc(records, func(a, b rec) int { return bytes.Compare(a.tag, b.tag) })
	b.tags, b.seqs = []byte{}, make([]uint32, len(records)) // an empty tag is one, too
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

// tag returns the i-th distinct tag and where its seqs are.
func (b *tagBlock) tag(i int) (tag []byte, from, to uint32) {
	var before tagEnd
	if i > 0 {
		before = b.ends[i-1]
	}
	return b.tags[before.tag:b.ends[i].tag], before.seq, b.ends[i].seq
}

// find calls f with the seqs of [from, to] whose tag matches, in no order.
func (x *tagIndex) find(m *record.Match, from, to uint64, f func(seq uint64)) {
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

// cut forgets the records up to through, or those of them that lie in blocks
// of their own: find is asked for no others.
func (x *tagIndex) cut(through uint64) {
	n := 0
	for n < len(x.blocks) && x.blocks[n].last <= through {
		n++
	}
	x.blocks = slices.Delete(x.blocks, 0, n)
	if len(x.blocks) == 0 {
		x.blocks = nil
	}
}

// recordColumns appends the payload size of each of count records to sizes,
// and the tags, packed, to tags, and holds that the records fill p exactly.
func recordColumns(sizes []uint32, tags, p []byte, count int) ([]uint32, []byte, error) {
	tagged := 0
	for i := range count {
		r, rest, err := record.NextRecord(p)
		if err != nil {
			return sizes, tags, err
		}
		sizes = append(sizes, uint32(r.PayloadBytes()))
		if r.Tag != nil {
			tags = packTag(tags, i-tagged, r.Tag)
			tagged = i + 1
		}
		p = rest
	}
	if len(p) > 0 {
		return sizes, tags, record.ErrMalformed
	}
	return sizes, tags, nil
}
