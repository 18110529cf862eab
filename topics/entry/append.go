package entry

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
)

// Append puts records into a topic, and makes the topic if Creation has a
// config.
type Append struct {
	ID       uint64 // of the topic
	First    uint64 // seq of the first record
	TS       int64  // Unix ms, of all records
	Count    int    // of the records
	Key      []byte // idempotency key; nil if the write had none
	Creation Creation
	Records  []byte // encoded
}

const (
	appendCreates = 1 << iota // the write made its topic
	appendKeyed               // the write has an idempotency key
)

// Type returns TypeAppend.
func (*Append) Type() Type { return TypeAppend }

// Time returns the records' timestamp.
func (e *Append) Time() (int64, bool) { return e.TS, true }

// Encode appends flags, id, first, ts, count, [key], [name, config, ceiling].
func (e *Append) Encode(dst []byte) ([]byte, error) {
	var flags byte
	if e.Creation.Config != nil {
		flags |= appendCreates
	}
	if e.Key != nil {
		flags |= appendKeyed
	}
	dst = binary.AppendUvarint(append(dst, flags), e.ID)
	dst = binary.AppendUvarint(dst, e.First)
	dst = binary.AppendVarint(dst, e.TS)
	dst = binary.AppendUvarint(dst, uint64(e.Count))
	if e.Key != nil {
		dst = record.AppendBytes(dst, e.Key)
	}
	if e.Creation.Config == nil {
		return dst, nil
	}
	return e.Creation.encode(dst)
}

func (e *Append) decode(d *record.Decoder) {
	flags := d.Byte()
	*e = Append{ID: d.Uvarint(), First: d.Uvarint(), TS: d.Varint(), Count: int(d.Uvarint())}
	if flags&appendKeyed != 0 {
		e.Key = d.Bytes()
	}
	if flags&appendCreates != 0 {
		e.Creation = decodeCreation(d)
	}
	e.Records = d.TakeAll()
	if flags&^(appendCreates|appendKeyed) != 0 || e.Count < 1 || e.Count > len(e.Records) || e.First == 0 {
		d.Fail()
	}
}

func (e *Append) describe(out *Description) error {
	out.Topic, out.TS, out.First, out.Key = e.ID, e.TS, e.First, string(e.Key)
	e.Creation.describe(out)
	return out.addRecords(e.Records, e.Count)
}

// Creates returns what the entry makes its topic with; nil if the topic is there.
func (e *Append) Creates() *Creation {
	if e.Creation.Config == nil {
		return nil
	}
	return &e.Creation
}

// Sets returns the config that the entry gives its topic; nil if it gives none.
func (e *Append) Sets() *Setting {
	if e.Creation.Config == nil {
		return nil
	}
	return &e.Creation.Setting
}

// Batch returns the entry's records.
func (e *Append) Batch() Batch {
	return Batch{First: e.First, Count: e.Count, Records: e.Records}
}
