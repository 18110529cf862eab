package topics

import (
	"encoding/binary"
	"math/bits"
)

// A record in a frame, in front of it the varint number of its bytes:
//
//	flags | [tag length, tag] | [node length, node] | [meta length, meta] | [path length, path] | data
//
// data is what is left. Seqs and the timestamp are the frame's.
const (
	hasTag = 1 << iota
	hasNode
	hasMeta
	hasPath // of a forwarded record only
)

// appendRecord encodes one record.
func appendRecord(dst []byte, r *Record) []byte {
	var flags byte
	n := 1 + len(r.Data)
	for _, f := range [...]struct {
		b   []byte
		bit byte
	}{{r.Tag, hasTag}, {r.Node, hasNode}, {r.Meta, hasMeta}, {r.path, hasPath}} {
		if f.b != nil {
			flags |= f.bit
			n += uvarintLen(len(f.b)) + len(f.b)
		}
	}
	dst = append(binary.AppendUvarint(dst, uint64(n)), flags)
	for _, b := range [...][]byte{r.Tag, r.Node, r.Meta, r.path} {
		if b != nil {
			dst = appendBytes(dst, b)
		}
	}
	return append(dst, r.Data...)
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// nextRecord decodes the first record of p and returns the rest. The record's
// slices alias p.
func nextRecord(p []byte) (r Record, rest []byte, err error) {
	d := newDecoder(p)
	b := d.bytes()
	if d.failed() {
		return r, nil, errEntry
	}
	r, err = decodeRecord(b)
	return r, d.rest(), err
}

// decodeRecord decodes a record without the number of its bytes in front.
func decodeRecord(b []byte) (r Record, err error) {
	if len(b) == 0 {
		return r, errEntry
	}
	flags := b[0]
	in := newDecoder(b[1:])
	if flags&hasTag != 0 {
		r.Tag = in.bytes()
	}
	if flags&hasNode != 0 {
		r.Node = in.bytes()
	}
	if flags&hasMeta != 0 {
		r.Meta = in.bytes()
	}
	if flags&hasPath != 0 {
		r.path = in.bytes()
	}
	if in.failed() || flags&^(hasTag|hasNode|hasMeta|hasPath) != 0 {
		return Record{}, errEntry
	}
	r.Data = in.rest()
	return r, nil
}

// DecodeRecordAt decodes a record as segments keep it, with the seq and the
// timestamp that a segment keeps beside it. The record's slices alias b.
func DecodeRecordAt(seq uint64, ts int64, b []byte) (Record, error) {
	r, err := decodeRecord(b)
	r.Seq, r.TS = seq, ts
	return r, err
}

// clone returns the record in memory of its own.
func (r *Record) clone() Record {
	c := *r
	buf := make([]byte, 0, len(r.Data)+len(r.Meta)+len(r.Tag)+len(r.Node)+len(r.path))
	for _, f := range [...]*[]byte{&c.Data, &c.Meta, &c.Tag, &c.Node, &c.path} {
		if *f != nil {
			from := len(buf)
			buf = append(buf, *f...)
			*f = buf[from:len(buf):len(buf)]
		}
	}
	return c
}

// payloadBytes is what caps and counts call a record's size.
func (r *Record) payloadBytes() int { return len(r.Data) + len(r.Meta) }

// forwarded returns the record as its destination has it: without what strip
// (hasNode, hasTag) takes, and with the path that it came.
func (r Record) forwarded(strip byte, path []byte) *Record {
	if strip&hasNode != 0 {
		r.Node = nil
	}
	if strip&hasTag != 0 {
		r.Tag = nil
	}
	r.path = path
	return &r
}
