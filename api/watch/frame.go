package watch

import (
	"bytes"
	"strconv"
	"sync/atomic"

	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Frame is a rendered run of one topic's records. It is shared between sessions
// and must not be modified.
type Frame struct {
	Topic string
	// Body is the JSON object {topic, records, from_seq, to_seq, head_seq}.
	// Payloads are verbatim, including raw line ends between their tokens.
	Body []byte
	// Lines reports whether Body has raw line ends.
	Lines bool
	// From is the cursor after which the records were read, To the last seq
	// examined for them, and Head the topic's head at the time of the read.
	From, To, Head uint64
	Count          int   // number of records; at least one
	TS             int64 // when the first of them was appended, in Unix milliseconds

	senders atomic.Int64 // see Frames.hold
}

// frameOverhead is about what a frame needs in addition to its records, in
// bytes.
const frameOverhead = 128

// newFrame renders the records of b, which were read after the cursor from.
func newFrame(x string, from uint64, b *topic.Batch, o *Options) *Frame {
	f := &Frame{Topic: x, From: from, To: b.NextFrom, Head: b.Head, Count: len(b.Records), TS: b.Records[0].TS}
	fields := render.Fields{Data: o.Data, Meta: o.Meta, Tags: o.Tags, Preview: o.Preview}
	body := make([]byte, 0, frameOverhead+len(x)+render.Size(b.Records))
	body = append(body, `{"topic":"`...)
	body = append(body, x...) // a valid name needs no escapes
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

// Reason returns a tombstone's reason as clients of a watch see it. Records
// that caps or the ttl had evicted before the client connected are reported as
// from_seq_too_old.
func Reason(t *topic.Tombstone, connect bool) string {
	if connect {
		switch t.Reason {
		case topic.ReasonCap, topic.ReasonTTL, topic.ReasonMixed:
			return "from_seq_too_old"
		}
	}
	return t.Reason
}
