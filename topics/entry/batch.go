package entry

import (
	"fmt"

	"github.com/e6e95bb8/topics/topics/record"
)

// Batch is the records that an entry puts into a topic.
type Batch struct {
	First   uint64 // seq of the first record
	Count   int    // 0 if there are no records
	Records []byte // encoded
	Runs    []Run  // where the records are, instead of Records
	Part    bool   // the frame has records of other topics, too: no Run may name it
}

// DecodeBatch returns the records that a frame puts into a topic, of which there
// are some. Only a Settle puts records into several: for any other frame the
// topic does not matter. Byte slices alias the payload.
func DecodeBatch(typ byte, payload []byte, topic uint64) (Batch, error) {
	d := record.NewDecoder(payload)
	var b Batch
	switch Type(typ) {
	case TypeAppend:
		var e Append
		e.decode(&d)
		b = e.Batch()
	case TypeForward:
		var e Forward
		e.decode(&d)
		b = e.Batch()
	case TypeSettle:
		var e Settle
		e.decode(&d)
		part := e.part(topic)
		if part != nil {
			b = part.Batch()
			b.Part = true
		}
	}
	if d.Failed() || d.Left() > 0 {
		return Batch{}, malformed(Type(typ), payload)
	}
	if b.Count == 0 {
		return Batch{}, fmt.Errorf("%w: type %d has no records", record.ErrMalformed, typ)
	}
	return b, nil
}

// Count returns the number of records that a frame puts into topics. It is 0
// for a frame that is no entry.
func Count(typ byte, payload []byte) int {
	if Type(typ) == TypeSettle {
		return countParts(payload)
	}
	b, err := DecodeBatch(typ, payload, 0)
	if err != nil {
		return 0
	}
	return b.Count
}

func countParts(payload []byte) (count int) {
	e, err := Decode(byte(TypeSettle), payload)
	if err != nil {
		return 0
	}
	for i := range e.(*Settle).Parts {
		count += e.(*Settle).Parts[i].Count
	}
	return count
}

// maxCount bounds what a damaged count may claim.
const maxCount = 1 << 24

// CountPrefix is Count for a frame of whose payload only the first bytes need be
// there: 64 are enough. It returns at most 1<<24.
func CountPrefix(typ byte, prefix []byte) int {
	d := record.NewDecoder(prefix)
	flags := d.Byte()
	switch Type(typ) {
	case TypeAppend:
		_, _, _ = d.Uvarint(), d.Uvarint(), d.Varint()
	case TypeForward:
		if flags == forwardTrim || flags == forwardCursorOnly {
			return 0
		}
		_, _, _, _, _ = d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Varint()
	case TypeSettle:
	default:
		return 0
	}
	n := d.Uvarint()
	if d.Failed() {
		return 0
	}
	return int(min(n, maxCount))
}
