package entry

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
)

// Append puts records into a topic, and makes the topic if Creation has a
// config.
type Append struct {
	ID    uint64 // of the topic
	First uint64 // seq of the first record
	TS    int64  // Unix ms, of all records
	Count int    // of the records; 0 if all of the write were deduped: First is the next write's then
	Key   []byte // idempotency key; nil if the write had none
	// Deduped are the records of the write that were not appended; nil if there are
	// none, and for a write without a key, whose answer is not remembered.
	Deduped  *Deduped
	Creation Creation
	Records  []byte // encoded
}

const (
	appendCreates = 1 << iota // the write made its topic
	appendKeyed               // the write has an idempotency key
	appendDeduped             // records of the write were not appended
)

// Type returns TypeAppend.
func (*Append) Type() Type { return TypeAppend }

// Time returns the records' timestamp.
func (e *Append) Time() (int64, bool) { return e.TS, true }

// Encode appends flags, id, first, ts, count, [key], [deduped], [name, config, ceiling].
func (e *Append) Encode(dst []byte) ([]byte, error) {
	var flags byte
	if e.Creation.Config != nil {
		flags |= appendCreates
	}
	if e.Key != nil {
		flags |= appendKeyed
	}
	if e.Deduped != nil {
		flags |= appendDeduped
	}
	dst = binary.AppendUvarint(append(dst, flags), e.ID)
	dst = binary.AppendUvarint(dst, e.First)
	dst = binary.AppendVarint(dst, e.TS)
	dst = binary.AppendUvarint(dst, uint64(e.Count))
	if e.Key != nil {
		dst = record.AppendBytes(dst, e.Key)
	}
	if e.Deduped != nil {
		dst = record.AppendBytes(dst, e.Deduped.packed)
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
	if flags&appendDeduped != 0 {
		e.decodeDeduped(d)
	}
	if flags&appendCreates != 0 {
		e.Creation = decodeCreation(d)
	}
	e.Records = d.TakeAll()
	known := flags&^(appendCreates|appendKeyed|appendDeduped) == 0
	if !known || e.First == 0 || !e.complete() {
		d.Fail()
	}
	if e.Count == 0 {
		e.Records = nil
	}
}

// complete reports whether the entry has as many records as it says, which may be
// none only if all of its write were deduped.
func (e *Append) complete() bool {
	if e.Count == 0 {
		return e.Deduped != nil && e.Creation.Config == nil && len(e.Records) == 0
	}
	return e.Count > 0 && e.Count <= len(e.Records)
}

func (e *Append) decodeDeduped(d *record.Decoder) {
	deduped, ok := ParseDeduped(d.Bytes(), e.First, e.Count)
	if !ok || e.Key == nil {
		d.Fail()
		return
	}
	e.Deduped = deduped
}

func (e *Append) describe(out *Description) error {
	out.Topic, out.TS, out.First, out.Key = e.ID, e.TS, e.First, string(e.Key)
	if e.Count == 0 {
		out.First = 0
	}
	if e.Deduped != nil {
		out.Deduped = e.Deduped.Runs()
	}
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
