package topic

import (
	"bytes"
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// dedupedKeys are those keys of a topic whose writes have records that were not
// appended.
type dedupedKeys struct {
	topic   uint64 // its id
	count   uint64
	keys    index.KeysView
	through uint64
}

// RecordDeduped records what the keyed writes of a topic did not append. v is what
// Keys takes.
func (e *Encoder) RecordDeduped(t *Topic, v *index.KeysView, through uint64) {
	d := dedupedKeys{topic: t.ID, keys: *v, through: through}
	_ = v.EachDeduped(through, func(int, []byte) error { d.count++; return nil })
	if d.count > 0 {
		e.deduped = append(e.deduped, d)
	}
}

// appendDeduped appends
//
//	topic's id | number of keys | of each: its place among the topic's, less that of
//	the one before | length | what is packed
func (e *Encoder) appendDeduped(d *dedupedKeys, flush func() error) error {
	e.Buf = binary.AppendUvarint(binary.AppendUvarint(e.Buf, d.topic), d.count)
	p := pieces{e: e, flush: flush}
	before := 0
	return d.keys.EachDeduped(d.through, func(place int, packed []byte) error {
		step := place - before
		before = place
		return p.add(record.AppendBytes(binary.AppendUvarint(e.Buf, uint64(step)), packed))
	})
}

// RestoreDeduped is appendDeduped's inverse, after the id.
func (t *Topic) RestoreDeduped(d *record.Decoder) {
	place := uint64(0)
	n := d.Uvarint()
	t.ChangeKeysLocked(func(w *index.Keys) {
		for i := uint64(0); i < n && !d.Failed(); i++ {
			step := d.Uvarint()
			packed := bytes.Clone(d.Bytes())
			place += step
			if d.Failed() || i > 0 && step == 0 || place >= uint64(w.Len()) {
				d.Fail()
				return
			}
			u, _ := w.Deduped(int(place), packed)
			_, ok := entry.ParseDeduped(packed, u.First, int(u.Count))
			if !ok {
				d.Fail()
			}
		}
	})
}
