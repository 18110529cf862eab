package records

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/cloudevent"
	"github.com/e6e95bb8/topics/api/render"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// answerEvents answers a read with the events as they came. A tombstone is an event
// of its own, in the place of what is lost. The answer ends before a record that is
// no event, and a read that begins with one is refused.
func answerEvents(c *call.Call, batch *topic.Batch) error {
	b := append(c.Out[:0], '[')
	if batch.Tombstone != nil {
		b = appendLossEvent(b, c.Topic, batch)
	}
	next := batch.NextFrom
	for i := range batch.Records {
		r := &batch.Records[i]
		if !cloudevent.Is(r.Data) {
			if len(b) > 1 {
				next = r.Seq - 1
				break
			}
			return &wire.Error{
				Status: http.StatusNotAcceptable, Code: "not_acceptable",
				Message: fmt.Sprintf("record %d is not a CloudEvent: read it as %s", r.Seq, wire.MediaJSON),
				Detail:  map[string]any{"topic": c.Topic, "seq": r.Seq},
			}
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, r.Data...)
	}
	c.Out = append(b, ']')
	h := c.Header()
	h.Set("Content-Type", cloudevent.MediaBatch)
	h.Set(call.NextFromHeader, strconv.FormatUint(next, 10))
	h.Set(call.HeadHeader, strconv.FormatUint(batch.Head, 10))
	h.Set(call.EarliestHeader, strconv.FormatUint(batch.Earliest, 10))
	h.Set(call.CaughtUpHeader, strconv.FormatBool(next == batch.Head))
	c.WriteHeader(http.StatusOK)
	return nil
}

// appendLossEvent renders the tombstone of a read of topic x as an event. Its id is the
// same whenever the same loss is read, and that of no other: a topic that was deleted
// and made again may have lost the same seqs, and the same seqs may be lost for one
// reason and then for two.
func appendLossEvent(b []byte, x string, batch *topic.Batch) []byte {
	t := batch.Tombstone
	b = render.Member(append(b, '{'), "specversion", "1.0")
	b = render.Member(append(b, ','), "id", fmt.Sprintf("%d-%d-%d-%s", batch.Topic, t.GapFrom, t.GapTo, t.Reason))
	b = render.Member(append(b, ','), "source", "/v0/topics/"+x)
	b = render.Member(append(b, ','), "type", "topics.tombstone")
	b = render.Member(append(b, ','), "datacontenttype", wire.MediaJSON)
	return append(render.Tombstone(append(b, `,"data":`...), t), '}')
}
