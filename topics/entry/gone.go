package entry

import (
	"encoding/binary"

	"github.com/e6e95bb8/topics/topics/record"
)

// Lost records that a range of seqs is gone.
type Lost struct {
	ID       uint64
	From, To uint64 // inclusive
	Reason   string
}

// Type returns TypeLost.
func (*Lost) Type() Type { return TypeLost }

// Time returns false.
func (*Lost) Time() (int64, bool) { return 0, false }

// Encode appends id, from, to, reason.
func (e *Lost) Encode(dst []byte) ([]byte, error) {
	for _, v := range [...]uint64{e.ID, e.From, e.To} {
		dst = binary.AppendUvarint(dst, v)
	}
	return record.AppendBytes(dst, []byte(e.Reason)), nil
}

func (e *Lost) decode(d *record.Decoder) {
	*e = Lost{ID: d.Uvarint(), From: d.Uvarint(), To: d.Uvarint(), Reason: string(d.Bytes())}
	if e.From == 0 || e.To < e.From {
		d.Fail()
	}
}

func (e *Lost) describe(out *Description) error {
	out.Topic, out.First, out.Last, out.Reason = e.ID, e.From, e.To, e.Reason
	return nil
}

// Watermarks says up to which seqs the records of topics have gone, so that a
// recovery brings none of them back. Its name in descriptions is "floors".
type Watermarks struct {
	Topics []Watermark
}

// Watermark says up to which seqs the records of one topic have gone.
type Watermark struct {
	Topic      uint64 `json:"topic_id"`
	ThroughCap uint64 `json:"through_cap"` // evicted by a cap
	ThroughTTL uint64 `json:"through_ttl"` // expired
}

// Type returns TypeWatermarks.
func (*Watermarks) Type() Type { return TypeWatermarks }

// Time returns false.
func (*Watermarks) Time() (int64, bool) { return 0, false }

// Encode appends the number of topics, and of each its id, through cap, through
// ttl.
func (e *Watermarks) Encode(dst []byte) ([]byte, error) {
	dst = binary.AppendUvarint(dst, uint64(len(e.Topics)))
	for i := range e.Topics {
		w := &e.Topics[i]
		for _, v := range [...]uint64{w.Topic, w.ThroughCap, w.ThroughTTL} {
			dst = binary.AppendUvarint(dst, v)
		}
	}
	return dst, nil
}

func (e *Watermarks) decode(d *record.Decoder) {
	e.Topics = nil
	for n := d.Uvarint(); n > 0 && !d.Failed(); n-- {
		e.Topics = append(e.Topics, Watermark{d.Uvarint(), d.Uvarint(), d.Uvarint()})
	}
}

func (e *Watermarks) describe(out *Description) error {
	out.Watermarks = e.Topics
	return nil
}

// Delete removes the records that match, among those up to a seq. It names what
// is to go and not which seqs, and finds the same records wherever it is applied
// at its place in the log.
type Delete struct {
	ID    uint64
	TS    int64         // Unix ms
	Last  uint64        // the last seq that may go
	Match *record.Match // nil if all go
}

const (
	deleteMatches = 1 << iota // only records that match
	deletePrefix              // the predicate is a prefix of the tag
)

// Type returns TypeDelete.
func (*Delete) Type() Type { return TypeDelete }

// Time returns when the records were deleted.
func (e *Delete) Time() (int64, bool) { return e.TS, true }

// Encode appends flags, id, ts, last, [tag].
func (e *Delete) Encode(dst []byte) ([]byte, error) {
	var flags byte
	if e.Match != nil {
		flags |= deleteMatches
		if e.Match.Prefix {
			flags |= deletePrefix
		}
	}
	dst = binary.AppendUvarint(append(dst, flags), e.ID)
	dst = binary.AppendUvarint(binary.AppendVarint(dst, e.TS), e.Last)
	if e.Match != nil {
		dst = record.AppendBytes(dst, []byte(e.Match.Value))
	}
	return dst, nil
}

func (e *Delete) decode(d *record.Decoder) {
	flags := d.Byte()
	*e = Delete{ID: d.Uvarint(), TS: d.Varint(), Last: d.Uvarint()}
	if flags&deleteMatches != 0 {
		e.Match = &record.Match{Value: string(d.Bytes()), Prefix: flags&deletePrefix != 0}
	}
	if flags > deleteMatches|deletePrefix || flags == deletePrefix {
		d.Fail()
	}
}

func (e *Delete) describe(out *Description) error {
	out.Topic, out.TS, out.Last = e.ID, e.TS, e.Last
	if e.Match != nil {
		out.Match = e.Match.Value
		if e.Match.Prefix {
			out.Match += "*"
		}
	}
	return nil
}
