package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Deletion says which records go: with both fields, those that both say. At
// least one must be set.
type Deletion struct {
	Before *uint64  // those with a seq below this
	Match  []string // those whose tag matches; see Query.Match
}

// Deleted answers DeleteRecords: how many went, and the topic without them.
type Deleted struct {
	Deleted     int64  `json:"deleted"`
	EarliestSeq uint64 `json:"earliest_seq"` // HeadSeq+1: no live record
	HeadSeq     uint64 `json:"head_seq"`
	Count       int64  `json:"count"`
	Bytes       int64  `json:"bytes"` // live payload bytes
}

// DeleteRecords removes records for good, none above the topic's head at the
// call. After a failure whose outcome is unknown it is not tried again: by
// then the head may have moved, and a repeat would delete more than was asked.
func (c *Client) DeleteRecords(ctx context.Context, topic string, d Deletion) (Deleted, error) {
	body, err := json.Marshal(struct {
		Before *uint64  `json:"before_seq,omitempty"`
		Match  []string `json:"match,omitempty"`
	}{d.Before, d.Match})
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
