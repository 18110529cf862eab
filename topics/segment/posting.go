package segment

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/zeebo/xxh3"
)

const (
	// MaxTag bounds a tag, in bytes.
	MaxTag = 1 << 16
	// tagPageBytes is the size of a page of tags before compression, unless a
	// single tag is larger.
	tagPageBytes = 16 << 10
)

// postings collects the tags of one topic.
type postings struct {
	arena   []byte // text of the tags, most of them only once
	entries []posting
	recent  [256]posting // by hash of the tag; finds a recently used tag in the arena
}

type posting struct {
	seq      uint64
	off, len uint32 // position of the tag in the arena
}

func (p *postings) reset() {
	p.arena, p.entries = p.arena[:0], p.entries[:0]
	clear(p.recent[:])
}

func (p *postings) tag(e posting) []byte { return p.arena[e.off : e.off+e.len : e.off+e.len] }

// add copies the tag. It returns false if there is no room.
func (p *postings) add(tag []byte, seq uint64) bool {
	slot := &p.recent[xxh3.Hash(tag)%uint64(len(p.recent))]
	if int(slot.len) != len(tag) || !bytes.Equal(p.tag(*slot), tag) {
		if len(p.arena)+len(tag) > math.MaxUint32 {
			return false
		}
		*slot = posting{off: uint32(len(p.arena)), len: uint32(len(tag))}
		p.arena = append(p.arena, tag...)
	}
	p.entries = append(p.entries, posting{seq, slot.off, slot.len})
	return true
}

// sort sorts the entries by tag and seq, and removes duplicates.
func (p *postings) sort() {
	slices.SortFunc(p.entries, func(a, b posting) int {
		if a.off != b.off || a.len != b.len {
			if c := bytes.Compare(p.tag(a), p.tag(b)); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.seq, b.seq)
	})
	p.entries = slices.CompactFunc(p.entries, func(a, b posting) bool {
		return a.seq == b.seq && bytes.Equal(p.tag(a), p.tag(b))
	})
}

// pages calls page for each page of the sorted entries, with its first tag.
func (p *postings) pages(page func(first, raw []byte) error) error {
	var raw, seqs, first, prev []byte
	for i := 0; i < len(p.entries); {
		tag := p.tag(p.entries[i])
		if len(raw) == 0 {
			first, prev = tag, nil
		}
		// Add as many seqs of the tag as fit in the page, and at least one.
		seqs = seqs[:0]
		from, n := p.entries[i].seq, 0
		for last := from; i < len(p.entries); n++ {
			e := p.entries[i]
			if n > 0 && (len(raw)+len(seqs) >= tagPageBytes || !bytes.Equal(p.tag(e), tag)) {
				break
			}
			if n > 0 {
				seqs = binary.AppendUvarint(seqs, e.seq-last-1)
			}
			last = e.seq
			i++
		}
		raw = appendPosting(raw, prev, tag, n, from, seqs)
		prev = tag
		if len(raw) >= tagPageBytes || i == len(p.entries) {
			if err := page(first, raw); err != nil {
				return err
			}
			raw = raw[:0]
		}
	}
	return nil
}

// appendPosting appends a tag with n seqs to a page. gaps are the encoded gaps
// between the seqs.
//
//	bytes shared with prev | number of other bytes | those bytes | seqs | first seq | gaps
func appendPosting(dst, prev, tag []byte, n int, first uint64, gaps []byte) []byte {
	shared := 0
	for shared < min(len(prev), len(tag)) && prev[shared] == tag[shared] {
		shared++
	}
	dst = binary.AppendUvarint(dst, uint64(shared))
	dst = binary.AppendUvarint(dst, uint64(len(tag)-shared))
	dst = append(dst, tag[shared:]...)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, first)
	return append(dst, gaps...)
}

// postingDecoder decodes the tags of a page. next overwrites tag and seqs.
type postingDecoder struct {
	r     reader
	begun bool // tag is from this page
	tag   []byte
	seqs  []uint64
}

// open starts with the page raw.
func (d *postingDecoder) open(raw []byte) {
	d.r, d.begun, d.tag = reader{p: raw}, false, d.tag[:0]
}

// next decodes a tag. It returns false at the end, and on damage, with r.bad
// set. The tags of a page ascend, and so do the seqs of a tag.
func (d *postingDecoder) next() (ok bool) {
	if len(d.r.p) == 0 {
		return false
	}
	shared := d.r.number(uint64(len(d.tag)))
	rest := d.r.bytes(d.r.number(MaxTag - shared))
	if d.begun && bytes.Compare(rest, d.tag[shared:]) <= 0 {
		d.r.fail()
	}
	d.tag, d.begun = append(d.tag[:shared], rest...), true
	n := d.r.uvarint()
	seq := d.r.uvarint()
	if n == 0 || n-1 > uint64(len(d.r.p)) { // each further seq has at least one byte
		d.r.fail()
	}
	if d.r.bad {
		return false
	}
	d.seqs = append(d.seqs[:0], seq)
	for range n - 1 {
		gap := d.r.uvarint()
		if gap >= math.MaxUint64-seq {
			d.r.fail()
		}
		seq += gap + 1
		d.seqs = append(d.seqs, seq)
	}
	return !d.r.bad
}
