package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// Config is a topic's configuration. The server's default applies to a field
// that has its zero value; fields whose default is not zero are pointers.
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
	RetryBackoffMS      int64   `json:"retry_backoff_ms,omitempty"`
	RetryBackoffMaxMS   int64   `json:"retry_backoff_max_ms,omitempty"`
	GroupConcurrency    int64   `json:"group_concurrency,omitempty"`
	Paused              bool    `json:"paused,omitempty"`
}

// State is the state of a topic.
type State struct {
	Topic       string `json:"topic"`
	Type        string `json:"type"`
	HeadSeq     uint64 `json:"head_seq"`     // 0 if the topic was never written
	EarliestSeq uint64 `json:"earliest_seq"` // HeadSeq+1 if there is no live record
	NextSeq     uint64 `json:"next_seq"`
	Count       int64  `json:"count"`
	Bytes       int64  `json:"bytes"` // live payload bytes
	Config      Config `json:"config"`
	// EffectivePriority orders deliveries under load.
	EffectivePriority float64 `json:"effective_priority"`
	LastWriteTS       *int64  `json:"last_write_ts"` // Unix ms; nil if the topic was never written
	LastReadTS        *int64  `json:"last_read_ts"`  // Unix ms; nil if the topic was never read
}

// State returns a topic's state. It does not count as a use of the topic.
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

// PutTopic creates a topic or replaces its config, and reports whether it was
// created.
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

// Changes are changes to a Config. Fields that are nil are left as they are.
type Changes struct {
	Durability          *string `json:"durability,omitempty"`
	TTLMS               *int64  `json:"ttl_ms,omitempty"`
	CapRecords          *int64  `json:"cap_records,omitempty"`
	CapBytes            *int64  `json:"cap_bytes,omitempty"`
	Discard             *string `json:"discard,omitempty"`
	Priority            *int64  `json:"priority,omitempty"`
	AutoPriority        *bool   `json:"auto_priority,omitempty"`
	AutoCreate          *bool   `json:"auto_create,omitempty"`
	IdempotencyWindowMS *int64  `json:"idempotency_window_ms,omitempty"`
	DedupeNode          *bool   `json:"dedupe_node,omitempty"`
	LeaseMS             *int64  `json:"lease_ms,omitempty"`
	ClaimJitterMS       *int64  `json:"claim_jitter_ms,omitempty"`
	MaxDeliveries       *int64  `json:"max_deliveries,omitempty"`
	DeadLetter          *string `json:"dead_letter,omitempty"`
	LeasesDurable       *bool   `json:"leases_durable,omitempty"`
	RetryBackoffMS      *int64  `json:"retry_backoff_ms,omitempty"`
	RetryBackoffMaxMS   *int64  `json:"retry_backoff_max_ms,omitempty"`
	GroupConcurrency    *int64  `json:"group_concurrency,omitempty"`
	Paused              *bool   `json:"paused,omitempty"`
	// NoPriority and NoDeadLetter remove the priority and the dead letter topic.
	NoPriority   bool `json:"-"`
	NoDeadLetter bool `json:"-"`
}

// PatchTopic changes parts of a topic's config and returns the whole config. It
// does not create the topic.
func (c *Client) PatchTopic(ctx context.Context, topic string, changes Changes) (Config, error) {
	type fields Changes
	patch := struct {
		fields
		// These shadow the embedded fields of the same name.
		Priority   any `json:"priority,omitempty"`
		DeadLetter any `json:"dead_letter,omitempty"`
	}{fields: fields(changes)}
	if changes.Priority != nil {
		patch.Priority = changes.Priority
	}
	if changes.DeadLetter != nil {
		patch.DeadLetter = changes.DeadLetter
	}
	if changes.NoPriority {
		patch.Priority = json.RawMessage("null")
	}
	if changes.NoDeadLetter {
		patch.DeadLetter = json.RawMessage("null")
	}
	body, err := json.Marshal(patch)
	if err != nil {
		return Config{}, err
	}
	var out struct {
		Config Config `json:"config"`
	}
	err = c.do(ctx, call{
		method:     http.MethodPatch,
		path:       topicPath(topic),
		body:       body,
		repeatable: true,
	}, &out)
	return out.Config, err
}

// DeleteTopic deletes a topic; deleting an absent one is not an error. After a
// retry, deleted may be false although an earlier attempt deleted the topic.
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
