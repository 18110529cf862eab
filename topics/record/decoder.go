package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
)

// ErrMalformed is wrapped by every error about stored bytes that are not what was encoded.
var ErrMalformed = errors.New("topics: malformed log entry")

// Decoder takes values off the front of stored bytes. After the first value
// that is not there, every method returns zero and failed reports true.
type Decoder struct {
	p   []byte
	bad bool
}

// NewDecoder returns a decoder of p, which what it decodes aliases.
func NewDecoder(p []byte) Decoder { return Decoder{p: p} }

// Failed reports whether a value was missing or refused.
func (d *Decoder) Failed() bool { return d.bad }

// Fail refuses what was decoded. Nothing is left afterwards.
func (d *Decoder) Fail() { d.bad, d.p = true, nil }

// Left is how many bytes are left.
func (d *Decoder) Left() int { return len(d.p) }

// Rest returns the bytes that are left, without taking them.
func (d *Decoder) Rest() []byte { return d.p }

// TakeAll takes the bytes that are left.
func (d *Decoder) TakeAll() []byte {
	b := d.p
	d.p = nil
	return b
}
func (d *Decoder) take(n int) {
	if n <= 0 {
		d.Fail()
		return
	}
	d.p = d.p[n:]
}

// Uvarint takes an unsigned varint.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.p)
	d.take(n)
	return v
}

// Varint takes a signed varint.
func (d *Decoder) Varint() int64 {
	v, n := binary.Varint(d.p)
	d.take(n)
	return v
}

// Byte takes one byte.
func (d *Decoder) Byte() byte {
	if len(d.p) == 0 {
		d.Fail()
		return 0
	}
	b := d.p[0]
	d.p = d.p[1:]
	return b
}

// Bytes takes a varint length and that many bytes, which alias the decoder's.
func (d *Decoder) Bytes() []byte {
	n := d.Uvarint()
	if n > uint64(len(d.p)) {
		d.Fail()
		return nil
	}
	b := d.p[:n:n]
	d.p = d.p[n:]
	return b
}

// Config takes a config as appendConfig encoded it, with the present limits applied.
func (d *Decoder) Config() *Config {
	c := DefaultConfig()
	if err := json.Unmarshal(d.Bytes(), &c); err != nil {
		d.Fail()
	}
	c.limit()
	return &c
}

// AppendBytes appends the varint length of b, then b.
func AppendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// Uint64 takes eight bytes, little endian.
func (d *Decoder) Uint64() uint64 {
	if len(d.p) < 8 {
		d.Fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(d.p)
	d.p = d.p[8:]
	return v
}
