package record

import (
	"encoding/binary"
	"math/bits"
)

// A record in a frame, in front of it the varint number of its bytes:
//
//	flags | [tag length, tag] | [node length, node] | [meta length, meta] | [path length, path] | [job length, job] | data
//
// data is the rest. Seqs and the timestamp are the frame's.
const (
	HasTag = 1 << iota
	HasNode
	hasMeta
	hasPath // of a forwarded record only
	hasJob  // see Job

	allFlags = HasTag | HasNode | hasMeta | hasPath | hasJob
)

// AppendRecord encodes one record.
func AppendRecord(dst []byte, r *Record) []byte {
	var flags byte
	n := 1 + len(r.Data)
	for _, f := range [...]struct {
		b   []byte
		bit byte
	}{{r.Tag, HasTag}, {r.Node, HasNode}, {r.Meta, hasMeta}, {r.Path, hasPath}, {r.Job, hasJob}} {
		if f.b != nil {
			flags |= f.bit
			n += uvarintLen(len(f.b)) + len(f.b)
		}
	}
	dst = append(binary.AppendUvarint(dst, uint64(n)), flags)
	for _, b := range [...][]byte{r.Tag, r.Node, r.Meta, r.Path, r.Job} {
		if b != nil {
			dst = AppendBytes(dst, b)
		}
	}
	return append(dst, r.Data...)
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// NextRecord decodes the first record of p and returns the rest. The record's
// slices alias p.
func NextRecord(p []byte) (r Record, rest []byte, err error) {
	d := NewDecoder(p)
	b := d.Bytes()
	if d.Failed() {
		return r, nil, ErrMalformed
	}
	r, err = DecodeRecord(b)
	return r, d.Rest(), err
}

// DecodeRecord decodes a record without the number of its bytes in front.
func DecodeRecord(b []byte) (r Record, err error) {
	if len(b) == 0 {
		return r, ErrMalformed
	}
	flags := b[0]
	in := NewDecoder(b[1:])
	if flags&HasTag != 0 {
		r.Tag = in.Bytes()
	}
	if flags&HasNode != 0 {
		r.Node = in.Bytes()
	}
	if flags&hasMeta != 0 {
		r.Meta = in.Bytes()
	}
	if flags&hasPath != 0 {
		r.Path = in.Bytes()
	}
	if flags&hasJob != 0 {
		r.Job = in.Bytes()
	}
	if in.Failed() || flags&^byte(allFlags) != 0 {
		return Record{}, ErrMalformed
	}
	r.Data = in.Rest()
	return r, nil
}

// DecodeRecordAt decodes a record as segments keep it, with the seq and the
// timestamp that a segment keeps beside it. The record's slices alias b.
func DecodeRecordAt(seq uint64, ts int64, b []byte) (Record, error) {
	r, err := DecodeRecord(b)
	r.Seq, r.TS = seq, ts
	return r, err
}

// Clone returns the record in memory of its own.
func (r *Record) Clone() Record {
	c := *r
	buf := make([]byte, 0, len(r.Data)+len(r.Meta)+len(r.Tag)+len(r.Node)+len(r.Path)+len(r.Job))
	for _, f := range [...]*[]byte{&c.Data, &c.Meta, &c.Tag, &c.Node, &c.Path, &c.Job} {
		if *f != nil {
			from := len(buf)
			buf = append(buf, *f...)
			*f = buf[from:len(buf):len(buf)]
		}
	}
	return c
}

// PayloadBytes returns the size of a record for caps and counts.
func (r *Record) PayloadBytes() int { return len(r.Data) + len(r.Meta) }

// Forwarded returns the record as its destination has it: without what strip
// (HasNode, HasTag) takes and the unique key of its job, and with the path that
// it came.
func (r Record) Forwarded(strip byte, path []byte) *Record {
	if strip&HasNode != 0 {
		r.Node = nil
	}
	if strip&HasTag != 0 {
		r.Tag = nil
	}
	r.Path = path
	r.Job = copied(r.Job)
	return &r
}
