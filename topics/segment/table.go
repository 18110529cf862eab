package segment

import (
	"context"
	"fmt"
)

// table reads the table of extents in order, one page at a time.
type table struct {
	s    *Segment
	off  int64 // of the next page
	page int64 // offset of the current page
	r    reader
	prev Extent

	pages                           int64 // pages read so far
	topics, extents, records, bytes uint64
}

func (s *Segment) table() *table { return &table{s: s, off: s.foot.tableOff} }

// next returns the next extent. ok is false at the end, after the totals were
// found to agree with the footer.
func (t *table) next() (e Extent, ok bool, err error) {
	if len(t.r.p) == 0 {
		if t.off == t.s.foot.tableOff+t.s.foot.tableLen {
			return e, false, t.check()
		}
		if err := t.read(); err != nil {
			return e, false, err
		}
	}
	e, ok = decodeExtent(&t.r, &t.prev, t.s.foot.tableOff)
	if !ok {
		return e, false, damaged(t.s.indexName, t.page, "the table has an impossible entry")
	}
	if t.extents == 0 || e.Topic != t.prev.Topic {
		t.topics++
	}
	t.extents++
	t.records += uint64(e.Count)
	t.bytes += e.Bytes
	t.prev = e
	return e, true, nil
}

// read reads the next page.
func (t *table) read() error {
	s := t.s
	left := s.foot.tableOff + s.foot.tableLen - t.off
	if left < frameSize {
		return damaged(s.indexName, t.off, "the table ends in a page")
	}
	head := make([]byte, frameSize)
	if err := readFull(s.index, s.indexName, head, t.off); err != nil {
		return err
	}
	h, cause := decodeFrameHead(head, tableMagic)
	if cause == "" && int64(h.size()) > left {
		cause = "the table ends in a page"
	}
	if cause != "" {
		return damaged(s.indexName, t.off, cause)
	}
	raw, err := s.readPage(context.Background(), tableMagic, place{t.off, uint32(h.size())}, 0)
	if err != nil {
		return err
	}
	t.page, t.r = t.off, reader{p: raw}
	t.pages++
	t.off += int64(h.size())
	return nil
}

func (t *table) check() error {
	f := &t.s.foot
	if t.topics != f.topics || t.extents != f.extents || t.records != f.records || t.bytes != f.bytes {
		return damaged(t.s.indexName, f.tableOff, fmt.Sprintf(
			"the table has %d extents of %d topics, %d records, %d bytes; the footer says %d, %d, %d, %d",
			t.extents, t.topics, t.records, t.bytes, f.extents, f.topics, f.records, f.bytes))
	}
	return nil
}
