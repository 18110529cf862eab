package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Deletion selects the records to delete. If both fields are set, a record must
// match both; at least one must be set.
type Deletion struct {
	Before *uint64  `json:"before_seq,omitempty"` // records with a lower seq
	Match  []string `json:"match,omitempty"`      // records whose tag matches; see Query.Match
}

// Deleted is the answer of DeleteRecords: how many records were deleted, and
// the topic's state after that.
type Deleted struct {
	Deleted     int64  `json:"deleted"`
	EarliestSeq uint64 `json:"earliest_seq"` // HeadSeq+1 if no live record is left
	HeadSeq     uint64 `json:"head_seq"`
	Count       int64  `json:"count"`
	Bytes       int64  `json:"bytes"` // live payload bytes
}

// DeleteRecords deletes records for good. Records above the topic's head at the
// time of the call are not affected. It is not retried after a failure whose
// outcome is unknown: the head may have moved by then, and a repeat would
// delete more than the caller asked for.
func (c *Client) DeleteRecords(ctx context.Context, topic string, d Deletion) (Deleted, error) {
	body, err := json.Marshal(&d)
	if err != nil {
		return Deleted{}, err
	}
	var out Deleted
	err = c.do(ctx, call{
		method: http.MethodPost,
		path:   topicPath(topic) + "/delete",
		body:   body,
	}, &out)
	return out, err
}
