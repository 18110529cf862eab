package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Query selects the records of one read.
type Query struct {
	From        uint64        // records with a higher seq
	Limit       int           // maximum number of records; 0 means the server's default
	MaxBytes    int           // maximum payload bytes of the answer; 0 means the server's default
	Wait        time.Duration // long poll, in whole ms; 0 means to answer at once
	Nodes       []string      // omit the records of these nodes
	Match       []string      // tag predicate {"tag", "Eq" or "Glob", pattern}; nil matches all records
	IncludeTags bool
	OmitMeta    bool
	// FromTime, if not nil, replaces From: records from the first one at or after this
	// time on, in Unix ms. Batch.From has the seq that it stands for.
	FromTime *int64
	// PreviewBytes, if not 0, cuts longer data: Record.Preview then replaces Data.
	PreviewBytes int
	// Untouched makes it no use of the topic: its priority stays as it is.
	Untouched bool
}

// Tombstone reports seqs that a reader will never get, and the reason. It is a
// field of Batch, and an Event of a topic that is followed or watched.
type Tombstone struct {
	Topic   string `json:"topic,omitempty"` // set in an Event
	GapFrom uint64 `json:"gap_from"`        // inclusive
	GapTo   uint64 `json:"gap_to"`          // inclusive
	// Reason is cap, ttl, mixed, recreated, source_trim, crash or corrupt; on a
	// stream it may also be from_seq_too_old.
	Reason         string `json:"reason"`
	MissedEstimate uint64 `json:"missed_estimate"` // size of the gap
	MissedAtLeast  uint64 `json:"missed_at_least"` // seqs of the gap known to have held records; 0 if unknown
	EarliestSeq    uint64 `json:"earliest_seq"`
	HeadSeq        uint64 `json:"head_seq"`
}

// Batch is the answer to a read. Look at Tombstone first: if it is set, the
// seqs in its range are lost, and Records follow after them.
type Batch struct {
	Tombstone   *Tombstone `json:"tombstone"`
	Records     []Record   `json:"records"`
	NextFrom    uint64     `json:"next_from_seq"` // last seq examined: From of the next read
	HeadSeq     uint64     `json:"head_seq"`
	EarliestSeq uint64     `json:"earliest_seq"`
	CaughtUp    bool       `json:"caught_up"`
	From        *uint64    `json:"from_seq"` // of a Query with FromTime
	Lag         uint64     `json:"lag"`
}

// decode implements decoder.
func (b *Batch) decode(body []byte) error {
	s := &scanner{b: body}
	err := s.object(func(name []byte) (err error) {
		switch string(name) {
		case "records":
			b.Records, err = scanRecords(s)
			return err
		case "tombstone":
			if s.null() {
				return nil
			}
			raw, err := s.value()
			if err != nil {
				return err
			}
			b.Tombstone = new(Tombstone)
			return json.Unmarshal(raw, b.Tombstone)
		case "next_from_seq":
			return s.uint(&b.NextFrom)
		case "head_seq":
			return s.uint(&b.HeadSeq)
		case "earliest_seq":
			return s.uint(&b.EarliestSeq)
		case "caught_up":
			return s.bool(&b.CaughtUp)
		case "from_seq":
			b.From = new(uint64)
			return s.uint(b.From)
		case "lag":
			return s.uint(&b.Lag)
		}
		return s.skip()
	})
	if err == nil && b.EarliestSeq == 0 {
		err = errForeign
	}
	if err != nil {
		return err
	}
	return s.end()
}

// Diff reads the records after q.From. Batch.CaughtUp reports whether they
// reach the end of the topic; an empty Batch.Records does not mean that.
func (c *Client) Diff(ctx context.Context, topic string, q Query) (*Batch, error) {
	from, touch := &q.From, (*bool)(nil)
	if q.FromTime != nil {
		from = nil
	}
	if q.Untouched {
		touch = new(bool)
	}
	body, err := json.Marshal(struct {
		From        *uint64  `json:"from_seq,omitempty"`
		FromTime    *int64   `json:"from_ts,omitempty"`
		Limit       int      `json:"limit,omitempty"`
		MaxBytes    int      `json:"max_batch_bytes,omitempty"`
		WaitMS      int64    `json:"wait_ms,omitempty"`
		Nodes       []string `json:"node,omitempty"`
		Match       []string `json:"match,omitempty"`
		IncludeTags bool     `json:"include_tags"`
		IncludeMeta bool     `json:"include_meta"`
		Preview     int      `json:"preview_bytes,omitempty"`
		Touch       *bool    `json:"touch,omitempty"`
	}{from, q.FromTime, q.Limit, q.MaxBytes, q.Wait.Milliseconds(), q.Nodes, q.Match, q.IncludeTags, !q.OmitMeta, q.PreviewBytes, touch})
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
