package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Query is one read of a topic.
type Query struct {
	From        uint64        // records with a seq above this
	Limit       int           // most records; 0: the server's default
	MaxBytes    int           // payload budget of the answer; 0: the server's default
	Wait        time.Duration // long poll, in whole ms; 0: answer at once
	Nodes       []string      // leave out the records of these nodes
	Match       []string      // the tag predicate: {"tag", "Eq" or "Glob", pattern}; nil: all
	IncludeTags bool
	OmitMeta    bool
}

// Record is one record as the server delivers it.
type Record struct {
	Seq  uint64          `json:"$seq"`
	TS   int64           `json:"$ts"`   // Unix ms
	Node *string         `json:"$node"` // nil: none
	Tag  *string         `json:"$tag"`  // nil: none, or not asked for
	Data json.RawMessage `json:"data"`  // verbatim
	Meta json.RawMessage `json:"meta"`  // verbatim; nil: none, or not asked for
	// Raw is the whole record as it came over the wire.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler: it keeps the raw bytes as well.
func (r *Record) UnmarshalJSON(b []byte) error {
	type fields Record
	var f fields
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*r = Record(f)
	r.Raw = append(json.RawMessage(nil), b...)
	return nil
}

// Tombstone says which seqs a reader will never get, and why.
type Tombstone struct {
	GapFrom        uint64 `json:"gap_from"` // inclusive
	GapTo          uint64 `json:"gap_to"`   // inclusive
	Reason         string `json:"reason"`   // cap, ttl, mixed, recreated, source_trim, crash, corrupt
	MissedEstimate uint64 `json:"missed_estimate"`
	EarliestSeq    uint64 `json:"earliest_seq"`
	HeadSeq        uint64 `json:"head_seq"`
}

// Batch answers a read. Look at Tombstone first: when it is set, the seqs in
// its range are lost, and Records follow after them.
type Batch struct {
	Tombstone   *Tombstone `json:"tombstone"`
	Records     []Record   `json:"records"`
	NextFrom    uint64     `json:"next_from_seq"` // last seq examined; the next read's From
	HeadSeq     uint64     `json:"head_seq"`
	EarliestSeq uint64     `json:"earliest_seq"`
	CaughtUp    bool       `json:"caught_up"`
	Lag         uint64     `json:"lag"`
}

// Diff reads the records after q.From. Whether there is more is told by
// CaughtUp, never by Records being empty.
func (c *Client) Diff(ctx context.Context, topic string, q Query) (*Batch, error) {
	includeMeta := !q.OmitMeta
	body, err := json.Marshal(struct {
		From        uint64   `json:"from_seq"`
		Limit       int      `json:"limit,omitempty"`
		MaxBytes    int      `json:"max_batch_bytes,omitempty"`
		WaitMS      int64    `json:"wait_ms,omitempty"`
		Nodes       []string `json:"node,omitempty"`
		Match       []string `json:"match,omitempty"`
		IncludeTags bool     `json:"include_tags"`
		IncludeMeta bool     `json:"include_meta"`
	}{q.From, q.Limit, q.MaxBytes, q.Wait.Milliseconds(), q.Nodes, q.Match, q.IncludeTags, includeMeta})
	if err != nil {
		return nil, err
	}
	var out Batch
	err = c.do(ctx, call{
		method:     http.MethodPost,
		path:       topicPath(topic) + "/diff",
		body:       body,
		wait:       q.Wait,
		repeatable: true,
	}, &out)
	if err != nil {
		return nil, err
	}
	return &out, nil
}
