package watch

import (
	"bytes"
	"strconv"
	"sync/atomic"

	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/topics"
)

// Frame is a run of one topic's records, rendered. It is shared, and its content is immutable.
type Frame struct {
	Topic string
	// Body is the JSON object {topic, records, from_seq, to_seq, head_seq}.
	// Payloads are verbatim, raw line ends between their tokens included.
	Body []byte
	// Lines says that Body has raw line ends.
	Lines bool
	// From is the cursor that the records follow, To the last seq examined for
	// them, and Head the topic's head when they were read.
	From, To, Head uint64
	Count          int // records; at least one

	senders atomic.Int64 // see Frames.hold
}

// frameOverhead is about what a frame takes beyond its records, in bytes.
const frameOverhead = 128

// newFrame renders the records that were read from a cursor.
func newFrame(topic string, from uint64, b *topics.Batch, o *Options) *Frame {
	f := &Frame{Topic: topic, From: from, To: b.NextFrom, Head: b.Head, Count: len(b.Records)}
	fields := render.Fields{Data: o.Data, Meta: o.Meta, Tags: o.Tags}
	body := make([]byte, 0, frameOverhead+len(topic)+render.Size(b.Records))
	body = append(body, `{"topic":"`...)
	body = append(body, topic...) // a checked name needs no escapes
	body = append(body, `","records":[`...)
	for i := range b.Records {
		if i > 0 {
			body = append(body, ',')
		}
		body = render.Record(body, &b.Records[i], fields)
	}
	body = append(body, `],"from_seq":`...)
	body = strconv.AppendUint(body, f.From, 10)
	body = append(body, `,"to_seq":`...)
	body = strconv.AppendUint(body, f.To, 10)
	body = append(body, `,"head_seq":`...)
	body = strconv.AppendUint(body, f.Head, 10)
	f.Body = append(body, '}')
	f.Lines = bytes.IndexByte(f.Body, '\n') >= 0 || bytes.IndexByte(f.Body, '\r') >= 0
	return f
}

// Reason is a tombstone's reason as clients of a watch see it: what the caps
// and the ttl took before they came is from_seq_too_old.
func Reason(t *topics.Tombstone, connect bool) string {
	if connect {
		switch t.Reason {
		case topics.ReasonCap, topics.ReasonTTL, topics.ReasonMixed:
			return "from_seq_too_old"
		}
	}
	return t.Reason
}
