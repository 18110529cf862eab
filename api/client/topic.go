package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// Config is a topic's configuration. A field left at its zero value takes the
// server's default; the fields whose default is not zero are pointers.
type Config struct {
	Type                string  `json:"type,omitempty"`       // log, queue
	Durability          string  `json:"durability,omitempty"` // ephemeral, memory, disk, fsync
	TTLMS               int64   `json:"ttl_ms,omitempty"`
	CapRecords          int64   `json:"cap_records,omitempty"`
	CapBytes            int64   `json:"cap_bytes,omitempty"`
	Discard             string  `json:"discard,omitempty"` // old, reject
	Priority            *int64  `json:"priority,omitempty"`
	AutoPriority        *bool   `json:"auto_priority,omitempty"`
	AutoCreate          *bool   `json:"auto_create,omitempty"`
	IdempotencyWindowMS *int64  `json:"idempotency_window_ms,omitempty"`
	DedupeNode          *bool   `json:"dedupe_node,omitempty"`
	LeaseMS             int64   `json:"lease_ms,omitempty"`
	ClaimJitterMS       int64   `json:"claim_jitter_ms,omitempty"`
	MaxDeliveries       int64   `json:"max_deliveries,omitempty"`
	DeadLetter          *string `json:"dead_letter,omitempty"`
	LeasesDurable       bool    `json:"leases_durable,omitempty"`
}

// State is a topic at one moment.
type State struct {
	Topic       string `json:"topic"`
	Type        string `json:"type"`
	HeadSeq     uint64 `json:"head_seq"`     // 0: never written
	EarliestSeq uint64 `json:"earliest_seq"` // HeadSeq+1: no live record
	NextSeq     uint64 `json:"next_seq"`
	Count       int64  `json:"count"`
	Bytes       int64  `json:"bytes"` // live payload bytes
	Config      Config `json:"config"`
}

// State returns a topic's state without touching its recency.
func (c *Client) State(ctx context.Context, topic string) (State, error) {
	var out State
	err := c.do(ctx, call{
		method:     http.MethodGet,
		path:       topicPath(topic),
		query:      url.Values{"touch": {"false"}},
		repeatable: true,
	}, &out)
	return out, err
}

// PutTopic creates a topic or replaces its config, and says which.
func (c *Client) PutTopic(ctx context.Context, topic string, config Config) (created bool, err error) {
	body, err := json.Marshal(config)
	if err != nil {
		return false, err
	}
	var out struct {
		Created bool `json:"created"`
	}
	err = c.do(ctx, call{
		method:     http.MethodPut,
		path:       topicPath(topic),
		body:       body,
		repeatable: true,
	}, &out)
	return out.Created, err
}

// DeleteTopic removes a topic; deleting an absent one is no error. After a
// retried attempt, deleted may be false although an earlier attempt did it.
func (c *Client) DeleteTopic(ctx context.Context, topic string, ifEmpty bool) (deleted bool, err error) {
	var out struct {
		Deleted bool `json:"deleted"`
	}
	err = c.do(ctx, call{
		method:     http.MethodDelete,
		path:       topicPath(topic),
		query:      url.Values{"if_empty": {strconv.FormatBool(ifEmpty)}},
		repeatable: true,
	}, &out)
	return out.Deleted, err
}
