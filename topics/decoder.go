package topics

import (
	"encoding/binary"
	"encoding/json"
	"errors"
)

// errEntry is wrapped by every error about stored bytes that are not what was encoded.
var errEntry = errors.New("topics: malformed log entry")

// decoder takes values off the front of stored bytes. After the first value
// that is not there, every method returns zero and failed reports true.
type decoder struct {
	p   []byte
	bad bool
}

// newDecoder returns a decoder of p, which what it decodes aliases.
func newDecoder(p []byte) decoder { return decoder{p: p} }

// failed reports whether a value was missing or refused.
func (d *decoder) failed() bool { return d.bad }

// fail refuses what was decoded. Nothing is left afterwards.
func (d *decoder) fail() { d.bad, d.p = true, nil }

// size is how many bytes are left.
func (d *decoder) size() int { return len(d.p) }

// rest returns the bytes that are left, without taking them.
func (d *decoder) rest() []byte { return d.p }

// all takes the bytes that are left.
func (d *decoder) all() []byte {
	b := d.p
	d.p = nil
	return b
}
func (d *decoder) take(n int) {
	if n <= 0 {
		d.fail()
		return
	}
	d.p = d.p[n:]
}

// uvarint takes an unsigned varint.
func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.p)
	d.take(n)
	return v
}

// varint takes a signed varint.
func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.p)
	d.take(n)
	return v
}

// byte takes one byte.
func (d *decoder) byte() byte {
	if len(d.p) == 0 {
		d.fail()
		return 0
	}
	b := d.p[0]
	d.p = d.p[1:]
	return b
}

// bytes takes a varint length and that many bytes, which alias the decoder's.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.p)) {
		d.fail()
		return nil
	}
	b := d.p[:n:n]
	d.p = d.p[n:]
	return b
}

// config takes a config as appendConfig encoded it, with the present limits applied.
func (d *decoder) config() *Config {
	c := DefaultConfig()
	if err := json.Unmarshal(d.bytes(), &c); err != nil {
		d.fail()
	}
	c.limit()
	return &c
}

// appendBytes appends the varint length of b, then b.
func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// uint64 takes eight bytes, little endian.
func (d *decoder) uint64() uint64 {
	if len(d.p) < 8 {
		d.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(d.p)
	d.p = d.p[8:]
	return v
}
