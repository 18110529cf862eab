package segment

import (
	"bytes"
	"encoding/binary"
	"sort"
)

// directory has the places of the pages of a topic's tags.
type directory struct {
	first [][]byte // first tag of each page
	pages []place
}

// appendDirectory appends d, which has at least one page:
//
//	pages | per page: distance to the end of the previous page, size, length of the first tag, the tag
func appendDirectory(dst []byte, d *directory) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(d.pages)))
	end := int64(headerSize)
	for i, p := range d.pages {
		dst = binary.AppendUvarint(dst, uint64(p.off-end))
		dst = binary.AppendUvarint(dst, uint64(p.size))
		dst = binary.AppendUvarint(dst, uint64(len(d.first[i])))
		dst = append(dst, d.first[i]...)
		end = p.off + int64(p.size)
	}
	return dst
}

// decodeDirectory decodes a directory, or returns nil if raw is not one. The
// first tags alias raw and are in ascending order; all pages end at or before
// the offset limit.
func decodeDirectory(raw []byte, limit int64) *directory {
	r := &reader{p: raw}
	n := r.number(uint64(len(raw)) / 3) // each entry has at least three bytes
	if n == 0 {
		return nil
	}
	end := int64(headerSize)
	d := &directory{first: make([][]byte, n), pages: make([]place, n)}
	for i := range d.pages {
		d.pages[i] = decodePlace(r, end, limit)
		end = d.pages[i].off + int64(d.pages[i].size)
		d.first[i] = r.bytes(r.number(MaxTag))
		if i > 0 && bytes.Compare(d.first[i], d.first[i-1]) < 0 {
			r.fail()
		}
	}
	if r.bad || len(r.p) > 0 {
		return nil
	}
	return d
}

// seek returns the index of the first page that may hold tag or a greater one.
func (d *directory) seek(tag []byte) int {
	n := sort.Search(len(d.first), func(i int) bool { return bytes.Compare(d.first[i], tag) >= 0 })
	return max(0, n-1) // the page before may end with the tag
}

// bytes returns the memory used by the directory.
func (d *directory) bytes() int {
	n := 96 + len(d.pages)*40
	for _, tag := range d.first {
		n += len(tag)
	}
	return n
}
