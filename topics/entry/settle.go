package entry

import (
	"encoding/binary"
	"math"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
)

// Settle removes records of a topic by their seqs and, with them or not at all,
// appends records to other topics: an ack with what follows from it, jobs that
// move to a dead-letter topic, or dead letters that move back.
type Settle struct {
	ID   uint64 // of the topic whose records go
	TS   int64  // Unix ms
	Kind queue.Kind
	Seqs []uint64 // ascending
	// Parts are what is appended, each to another topic. One may be for the topic
	// of ID; then the records go first.
	Parts []Append
}

// settleRemove is the kind of a Settle that is none of a queue's jobs.
const settleRemove = 0

// Type returns TypeSettle.
func (*Settle) Type() Type { return TypeSettle }

// Time returns when the records were removed.
func (e *Settle) Time() (int64, bool) { return e.TS, true }

// Encode appends kind, the number of all records in the parts, id, ts, the
// number of seqs, each seq from the one before, the number of parts, and each
// part as an Append with its records, with its length before it.
func (e *Settle) Encode(dst []byte) ([]byte, error) {
	count := 0
	for i := range e.Parts {
		count += e.Parts[i].Count
	}
	dst = binary.AppendUvarint(append(dst, byte(e.Kind)), uint64(count))
	dst = binary.AppendVarint(binary.AppendUvarint(dst, e.ID), e.TS)
	dst = binary.AppendUvarint(dst, uint64(len(e.Seqs)))
	last := uint64(0)
	for _, seq := range e.Seqs {
		dst = binary.AppendUvarint(dst, seq-last)
		last = seq
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Parts)))
	var head []byte
	for i := range e.Parts {
		p := &e.Parts[i]
		var err error
		head, err = p.Encode(head[:0])
		if err != nil {
			return dst, err
		}
		dst = binary.AppendUvarint(dst, uint64(len(head)+len(p.Records)))
		dst = append(append(dst, head...), p.Records...)
	}
	return dst, nil
}

func (e *Settle) decode(d *record.Decoder) {
	*e = Settle{Kind: queue.Kind(d.Byte())}
	count := d.Uvarint()
	e.ID, e.TS = d.Uvarint(), d.Varint()
	n := d.Uvarint()
	if n > uint64(d.Left()) || e.Kind != settleRemove && e.Kind != queue.Ack && e.Kind != queue.Bury {
		d.Fail()
		return
	}
	last := uint64(0)
	for ; n > 0 && !d.Failed(); n-- {
		step := d.Uvarint()
		if step == 0 || step > math.MaxUint64-1-last {
			d.Fail()
		}
		last += step
		e.Seqs = append(e.Seqs, last)
	}
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		var p Append
		in := record.NewDecoder(d.Bytes())
		p.decode(&in)
		if in.Failed() || uint64(p.Count) > count || e.part(p.ID) != nil {
			d.Fail()
			return
		}
		count -= uint64(p.Count)
		e.Parts = append(e.Parts, p)
	}
	if count != 0 || len(e.Seqs) == 0 {
		d.Fail()
	}
}

// part returns what is appended to a topic; nil if nothing is.
func (e *Settle) part(topic uint64) *Append {
	for i := range e.Parts {
		if e.Parts[i].ID == topic {
			return &e.Parts[i]
		}
	}
	return nil
}

func (e *Settle) describe(out *Description) error {
	out.Topic, out.TS, out.Seqs = e.ID, e.TS, e.Seqs
	out.Change = jobKinds[e.Kind]
	for i := range e.Parts {
		var p Description
		err := e.Parts[i].describe(&p)
		if err != nil {
			return err
		}
		p.Type = TypeAppend.String()
		out.Parts = append(out.Parts, p)
	}
	return nil
}
