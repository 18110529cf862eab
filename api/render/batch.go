package render

import (
	"strconv"

	"github.com/e6e95bb8/topics/topics/topic"
)

// Batch renders a batch, all but the performance block and the end.
// Payloads are copied as they are.
func Batch(b []byte, x string, batch *topic.Batch, fields Fields) []byte {
	b = append(b, `{"topic":"`...)
	b = append(b, x...) // a checked name needs no escapes
	b = append(b, `","records":[`...)
	for i := range batch.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = Record(b, &batch.Records[i], fields)
	}
	b = append(b, `],"next_from_seq":`...)
	b = strconv.AppendUint(b, batch.NextFrom, 10)
	b = append(b, `,"head_seq":`...)
	b = strconv.AppendUint(b, batch.Head, 10)
	b = append(b, `,"earliest_seq":`...)
	b = strconv.AppendUint(b, batch.Earliest, 10)
	b = append(b, `,"caught_up":`...)
	b = strconv.AppendBool(b, batch.NextFrom == batch.Head)
	b = append(b, `,"tombstone":`...)
	b = Tombstone(b, batch.Tombstone)
	b = append(b, `,"lag":`...)
	var lag uint64
	if batch.Head > batch.NextFrom {
		lag = batch.Head - batch.NextFrom
	}
	return strconv.AppendUint(b, lag, 10)
}

// Tombstone renders a tombstone, null if it is nil.
func Tombstone(b []byte, t *topic.Tombstone) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	b = append(b, `{"gap_from":`...)
	b = strconv.AppendUint(b, t.GapFrom, 10)
	b = append(b, `,"gap_to":`...)
	b = strconv.AppendUint(b, t.GapTo, 10)
	b = append(b, `,"reason":"`...)
	b = append(b, t.Reason...)
	b = append(b, `","missed_estimate":`...)
	b = strconv.AppendUint(b, t.Missed, 10)
	b = append(b, `,"missed_at_least":`...)
	b = strconv.AppendUint(b, t.AtLeast, 10)
	b = append(b, `,"earliest_seq":`...)
	b = strconv.AppendUint(b, t.Earliest, 10)
	b = append(b, `,"head_seq":`...)
	b = strconv.AppendUint(b, t.Head, 10)
	return append(b, '}')
}
