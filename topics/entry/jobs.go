package entry

import (
	"encoding/binary"
	"math"

	"github.com/e6e95bb8/topics/queue"
	"github.com/e6e95bb8/topics/topics/record"
)

// Jobs changes the state of jobs of a queue, and ends none of them: a claim, a
// nack, an extend, a release or a promote.
type Jobs struct {
	ID     uint64        // of the queue's topic
	TS     int64         // Unix ms
	At     int64         // when the call came, in Unix ms; not after TS
	Change *queue.Change // its At is not encoded
}

const (
	jobsKind    = 0x0f // the bits of the queue.Kind
	jobsCounted = 0x10
)

const (
	jobRejected = 1 << iota
	jobUnstarted
	jobReason

	jobFields = jobRejected | jobUnstarted | jobReason
)

// Type returns TypeJobs.
func (*Jobs) Type() Type { return TypeJobs }

// Time returns when the entry was made.
func (e *Jobs) Time() (int64, bool) { return e.TS, true }

// Encode appends kind, id, ts, at, [node, first lease], [lease ms], the number
// of jobs, and of each its seq, from the one before, its deliveries, and for a
// nack its delay, its fields and its reason.
func (e *Jobs) Encode(dst []byte) ([]byte, error) {
	c := e.Change
	kind := byte(c.Kind)
	if c.Counted {
		kind |= jobsCounted
	}
	dst = binary.AppendUvarint(append(dst, kind), e.ID)
	dst = binary.AppendVarint(binary.AppendVarint(dst, e.TS), e.At)
	if c.Kind == queue.Claim {
		dst = record.AppendBytes(dst, []byte(c.Node))
		dst = binary.LittleEndian.AppendUint64(dst, c.First.Epoch)
		dst = binary.AppendUvarint(dst, c.First.N)
	}
	if c.Kind == queue.Claim || c.Kind == queue.Extend {
		dst = binary.AppendVarint(dst, c.LeaseMS)
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.Jobs)))
	last := uint64(0)
	for i := range c.Jobs {
		j := &c.Jobs[i]
		dst = binary.AppendVarint(dst, int64(j.Seq-last))
		dst = binary.AppendUvarint(dst, uint64(j.Deliveries))
		if c.Kind == queue.Nack {
			dst = appendNacked(dst, j)
		}
		last = j.Seq
	}
	return dst, nil
}

func appendNacked(dst []byte, j *queue.Changed) []byte {
	var fields byte
	if j.Rejected {
		fields |= jobRejected
	}
	if j.Unstarted {
		fields |= jobUnstarted
	}
	if j.Reason != "" {
		fields |= jobReason
	}
	dst = append(binary.AppendVarint(dst, j.DelayMS), fields)
	if j.Reason != "" {
		dst = record.AppendBytes(dst, []byte(j.Reason))
	}
	return dst
}

func (e *Jobs) decode(d *record.Decoder) {
	kind := d.Byte()
	c := &queue.Change{Kind: queue.Kind(kind & jobsKind), Counted: kind&jobsCounted != 0}
	*e = Jobs{ID: d.Uvarint(), TS: d.Varint(), At: d.Varint(), Change: c}
	switch c.Kind {
	case queue.Claim:
		c.Node = string(d.Bytes())
		c.First = queue.LeaseID{Epoch: d.Uint64(), N: d.Uvarint()}
		c.LeaseMS = d.Varint()
	case queue.Extend:
		c.LeaseMS = d.Varint()
	case queue.Nack, queue.Release, queue.Promote:
	default:
		d.Fail()
	}
	n := d.Uvarint()
	if n == 0 || n > uint64(d.Left()) || kind&^(jobsKind|jobsCounted) != 0 || c.Counted && c.Kind != queue.Release ||
		e.At > e.TS || c.LeaseMS < 0 || c.LeaseMS > queue.MaxLeaseMS {
		d.Fail()
		return
	}
	last := uint64(0)
	for ; n > 0 && !d.Failed(); n-- {
		last += uint64(d.Varint())
		deliveries := d.Uvarint()
		j := queue.Changed{Seq: last, Deliveries: uint32(deliveries)}
		if c.Kind == queue.Nack {
			decodeNacked(d, &j)
		}
		if deliveries > math.MaxUint32 || j.Seq == 0 {
			d.Fail()
		}
		c.Jobs = append(c.Jobs, j)
	}
}

func decodeNacked(d *record.Decoder, j *queue.Changed) {
	j.DelayMS = d.Varint()
	fields := d.Byte()
	j.Rejected, j.Unstarted = fields&jobRejected != 0, fields&jobUnstarted != 0
	if fields&jobReason != 0 {
		j.Reason = string(d.Bytes())
		if j.Reason == "" {
			d.Fail()
		}
	}
	if fields&^byte(jobFields) != 0 || j.DelayMS < 0 || j.DelayMS > 2*queue.MaxRetryDelayMS {
		d.Fail()
	}
}

// jobKinds has the names of the kinds in descriptions.
var jobKinds = map[queue.Kind]string{
	queue.Claim: "claim", queue.Ack: "ack", queue.Nack: "nack", queue.Extend: "extend",
	queue.Release: "release", queue.Promote: "promote", queue.Bury: "dead-letter",
}

func (e *Jobs) describe(out *Description) error {
	out.Topic, out.TS, out.Change = e.ID, e.TS, jobKinds[e.Change.Kind]
	out.Node, out.Seqs = e.Change.Node, e.Change.Seqs()
	return nil
}
