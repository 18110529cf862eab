package topics

import (
	"bytes"
	"encoding/binary"
	"sort"
)

// tagIndex finds the records of a topic's index by tag. It holds no pointers
// per record and sorts itself when it is asked, not on the way of a write. The
// topic's lock guards it, for writing also when it is asked.
type tagIndex struct {
	blocks []*tagBlock // by seq
}

// tagBlock covers up to tagBlockEntries tagged records.
type tagBlock struct {
	first   uint64 // what the entries count from
	last    uint64
	tags    []byte
	entries []tagEntry
	sorted  bool
}

type tagEntry struct {
	at  uint32 // in tags
	len uint16
	seq uint32
}

const tagBlockEntries = 1 << 12

// packTag appends a record's tag to those of its frame: how many records come
// before it since the last that had one, and the tag.
func packTag(dst []byte, skipped int, tag []byte) []byte {
	return appendBytes(binary.AppendUvarint(dst, uint64(skipped)), tag)
}

// eachTag calls f with the tags of a frame's records.
func eachTag(packed []byte, f func(record int, tag []byte)) {
	d := decoder{p: packed}
	for record := 0; len(d.p) > 0; record++ {
		record += int(d.uvarint())
		f(record, d.bytes())
	}
}

// add notes the packed tags of the frame that begins at first.
func (x *tagIndex) add(first uint64, packed []byte) {
	eachTag(packed, func(record int, tag []byte) {
		seq := first + uint64(record)
		b := x.tail(seq)
		b.entries = append(b.entries, tagEntry{uint32(len(b.tags)), uint16(len(tag)), uint32(seq - b.first)})
		b.tags = append(b.tags, tag...)
		b.last, b.sorted = seq, false
	})
}

func (x *tagIndex) tail(seq uint64) *tagBlock {
	if n := len(x.blocks); n > 0 {
		if b := x.blocks[n-1]; len(b.entries) < tagBlockEntries && seq-b.first <= 1<<32-1 {
			return b
		}
	}
	b := &tagBlock{first: seq}
	x.blocks = append(x.blocks, b)
	return b
}

func (b *tagBlock) tag(i int) []byte {
	e := b.entries[i]
	return b.tags[e.at : e.at+uint32(e.len)]
}

func (b *tagBlock) sort() {
	if b.sorted {
		return
	}
	sort.SliceStable(b.entries, func(i, j int) bool { return bytes.Compare(b.tag(i), b.tag(j)) < 0 })
	b.sorted = true
}

// find calls f with the seqs of [from, to] whose tag matches, in no order.
func (x *tagIndex) find(m *Match, from, to uint64, f func(seq uint64)) {
	for _, b := range x.blocks {
		if b.last < from || b.first > to {
			continue
		}
		b.sort()
		low := []byte(m.value)
		i := sort.Search(len(b.entries), func(i int) bool { return bytes.Compare(b.tag(i), low) >= 0 })
		for ; i < len(b.entries) && m.Tag(b.tag(i)); i++ {
			if seq := b.first + uint64(b.entries[i].seq); seq >= from && seq <= to {
				f(seq)
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
	if x.blocks = x.blocks[n:]; len(x.blocks) == 0 {
		x.blocks = nil
	}
}
