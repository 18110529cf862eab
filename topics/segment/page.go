package segment

import (
	"encoding/binary"
	"math"
	"sort"
)

// Page is the decoded page of an extent. It is shared and immutable. The
// columns have a value for each record, in order of seq.
type Page struct {
	Runs []Run
	Seq  []uint32 // offset from Extent.First
	TS   []uint32 // offset from Extent.FirstTS
	Size []uint32 // payload bytes
}

// Run is a sequence of records of one extent that are adjacent in one block.
type Run struct {
	Start int // index of its first record in the columns of the page
	Count int // number of records

	block block  // the block that holds the run
	inner uint32 // offset of the run in the raw block
	size  uint32 // bytes of the run in the raw block
}

// block is the position of a block in the data file.
type block struct {
	off  int64
	size uint32 // of the whole frame
	raw  uint32 // decompressed size
}

// alone reports whether the run fills its block.
func (r *Run) alone() bool { return r.inner == 0 && r.size == r.block.raw }

// Find returns the index of the first record with a seq of at least seq, or
// len(p.Seq). e is the page's extent.
func (p *Page) Find(e *Extent, seq uint64) int {
	if seq <= e.First {
		return 0
	}
	return sort.Search(len(p.Seq), func(i int) bool { return e.First+uint64(p.Seq[i]) >= seq })
}

// RunOf returns the index in Runs of the run that holds the record with the
// given index.
func (p *Page) RunOf(ordinal int) int {
	return sort.Search(len(p.Runs), func(i int) bool { return p.Runs[i].Start > ordinal }) - 1
}

// bytes returns the memory used by the page.
func (p *Page) bytes() int { return 128 + len(p.Runs)*48 + len(p.Seq)*12 }

// Seqs returns the first and last seq of the run with the given index.
func (p *Page) Seqs(e *Extent, run int) (from, to uint64) {
	r := &p.Runs[run]
	return e.First + uint64(p.Seq[r.Start]), e.First + uint64(p.Seq[r.Start+r.Count-1])
}

// appendRuns appends the runs of a page, which precede its columns:
//
//	runs | per run: block's distance, size, raw bytes | offset and size in it | records
//
// The distance is that to the end of the previous run's block: no two runs of
// an extent are in the same block.
func appendRuns(dst []byte, runs []Run) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(runs)))
	end := int64(headerSize)
	for i := range runs {
		r := &runs[i]
		for _, v := range [...]uint64{
			uint64(r.block.off - end), uint64(r.block.size), uint64(r.block.raw),
			uint64(r.inner), uint64(r.size), uint64(r.Count),
		} {
			dst = binary.AppendUvarint(dst, v)
		}
		end = r.block.off + int64(r.block.size)
	}
	return dst
}

// appendColumns appends the columns one after the other: the number of seqs
// skipped before each record, the increase of each time, and the sizes.
func (p *Page) appendColumns(dst []byte) []byte {
	prev := uint32(math.MaxUint32) // so that nothing is skipped before the first
	for _, v := range p.Seq {
		dst = binary.AppendUvarint(dst, uint64(v-prev-1))
		prev = v
	}
	prev = 0
	for _, v := range p.TS {
		dst = binary.AppendUvarint(dst, uint64(v-prev))
		prev = v
	}
	for _, v := range p.Size {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	return dst
}

// decodePage decodes the page of e, or returns nil if raw is not that. All
// blocks end at or before the offset limit of the data file. The result agrees
// with e, and its runs hold all of its records.
func decodePage(raw []byte, e *Extent, limit int64) *Page {
	if uint64(len(raw)) < 3*uint64(e.Count) { // each value has at least one byte
		return nil
	}
	r := &reader{p: raw}
	p := &Page{Runs: make([]Run, r.number(uint64(e.Count)))}
	start, end := 0, int64(headerSize)
	for i := range p.Runs {
		at := decodePlace(r, end, limit)
		b := block{at.off, at.size, uint32(r.number(maxRaw))}
		inner := r.number(uint64(b.raw))
		size := r.number(uint64(b.raw) - inner)
		n := int(r.number(uint64(int(e.Count) - start)))
		if r.bad || n == 0 || size == 0 {
			return nil
		}
		p.Runs[i] = Run{Start: start, Count: n, block: b, inner: uint32(inner), size: uint32(size)}
		start += n
		end = b.off + int64(b.size)
	}
	if start != int(e.Count) || !p.decodeColumns(r, e) {
		return nil
	}
	return p
}

func (p *Page) decodeColumns(r *reader, e *Extent) bool {
	n := int(e.Count)
	all := make([]uint32, 3*n)
	p.Seq, p.TS, p.Size = all[:n:n], all[n:2*n:2*n], all[2*n:]
	most := e.Last - e.First
	next := uint64(0)
	for i := range p.Seq {
		v := next + r.number(most)
		p.Seq[i] = uint32(v)
		if v > most {
			return false
		}
		next = v + 1
	}
	most = uint64(e.LastTS) - uint64(e.FirstTS)
	ts := uint64(0)
	for i := range p.TS {
		ts += r.number(most)
		p.TS[i] = uint32(ts)
		if ts > most {
			return false
		}
	}
	sum := uint64(0)
	for i := range p.Size {
		v := r.number(math.MaxUint32)
		p.Size[i] = uint32(v)
		sum += v
	}
	return !r.bad && len(r.p) == 0 && p.Seq[0] == 0 && p.TS[0] == 0 &&
		next == e.Last-e.First+1 && ts == most && sum == e.Bytes
}
