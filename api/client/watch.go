package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"
)

// Watch selects what to watch. At least one topic or prefix is required.
type Watch struct {
	Topics   map[string]Start // by name; all of them must exist
	Prefixes map[string]Start // all topics, present and future, whose names begin with the prefix
	Nodes    []string         // omit the records of these nodes
	Match    []string         // see Query.Match
	Limit    int              // maximum records in one event; 0 means the server's default
	MaxBytes int              // maximum payload bytes of one event; 0 means the server's default
	// Heartbeat is how often the server sends a sign of life when there is nothing
	// else to send; 0 means the server's default. A stream that is silent for
	// longer than Heartbeat and Options.Timeout together is closed and resumed.
	Heartbeat   time.Duration
	IncludeTags bool
	OmitMeta    bool
	OmitData    bool
	Synced      bool // only records that are synced to disk
	// PreviewBytes and Untouched are as in a Query.
	PreviewBytes int
	Untouched    bool
}

// Start is where to begin in a topic: after From, or at the end if Tail is set, or
// at FromTime.
type Start struct {
	From uint64 `json:"from_seq"`
	Tail bool   `json:"tail,omitempty"`
	// FromTime, if not nil, replaces the others: the first record at or after this
	// time, in Unix ms.
	FromTime *int64 `json:"from_ts,omitempty"`
}

// MarshalJSON returns the one position that counts.
func (s Start) MarshalJSON() ([]byte, error) {
	if s.FromTime != nil {
		return json.Marshal(map[string]int64{"from_ts": *s.FromTime})
	}
	type plain Start
	return json.Marshal(plain(s))
}

// Watch follows topics over one stream of server-sent events. It resumes the
// stream when the connection breaks, when the server restarts, and when the
// server has forgotten the session. Each record is yielded once and in order;
// lost records are yielded as a Tombstone in their place.
//
// After the stream broke, Watch tries to resume it for Options.RetryFor; if
// that is 0, the first failure ends the sequence. The pauses between attempts
// grow, and are never shorter than what the server asks for.
//
// A slow loop slows down neither the server nor other clients: the server sends
// larger batches, and after half a minute closes the stream, which is then
// resumed.
//
// The sequence ends when the caller leaves the loop, when ctx is done (without
// an error), or with the first error that retries cannot resolve. The event
// that accompanies an error is nil. An error of one topic ends the watch, and
// names the topic in its Detail. If a topic was deleted while the server had no
// session of this watch, TopicDeleted is yielded, and the topic is followed
// again only if one of the prefixes covers it.
func (c *Client) Watch(ctx context.Context, w Watch) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := newSession(c, &w, yield)
		var deadline time.Time // set on the first failure since the last event or heartbeat
		for n := 0; ; n++ {
			err := s.run(ctx)
			if ctx.Err() != nil || errors.Is(err, errLeft) {
				return
			}
			if s.news {
				n, deadline = 0, time.Time{}
			}
			if c.retryFor == 0 || !resumable(err) {
				yield(nil, err)
				return
			}
			if deadline.IsZero() {
				deadline = time.Now().Add(c.retryFor)
			}
			if !time.Now().Before(deadline) {
				yield(nil, gaveUp(c.retryFor, err))
				return
			}
			if c.retrying != nil {
				c.retrying(err)
			}
			if !sleep(ctx, min(pause(n, err), time.Until(deadline))) {
				return
			}
		}
	}
}

// resumable reports whether a stream that ended with err can be resumed.
// Reading is always safe to repeat, so only the kind of error matters.
func resumable(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return !hopeless(err)
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// watchRequest is the body of the request that creates a session.
type watchRequest struct {
	Topics      map[string]Start `json:"topics,omitempty"`
	Prefixes    map[string]Start `json:"prefixes,omitempty"`
	Nodes       []string         `json:"node,omitempty"`
	Match       []string         `json:"match,omitempty"`
	Limit       int              `json:"limit,omitempty"`
	MaxBytes    int              `json:"max_batch_bytes,omitempty"`
	HeartbeatMS int64            `json:"heartbeat_ms,omitempty"`
	IncludeMeta bool             `json:"include_meta"`
	IncludeTags bool             `json:"include_tags"`
	IncludeData bool             `json:"include_data"`
	Consistency string           `json:"consistency,omitempty"`
	Preview     int              `json:"preview_bytes,omitempty"`
	Touch       *bool            `json:"touch,omitempty"`
}

// encode returns the body of the request for a session with these topics and
// prefixes.
func (w *Watch) encode(topics, prefixes map[string]Start) ([]byte, error) {
	r := watchRequest{
		Topics: topics, Prefixes: prefixes, Nodes: w.Nodes, Match: w.Match, Limit: w.Limit, MaxBytes: w.MaxBytes,
		HeartbeatMS: w.Heartbeat.Milliseconds(),
		IncludeMeta: !w.OmitMeta, IncludeTags: w.IncludeTags, IncludeData: !w.OmitData, Preview: w.PreviewBytes,
	}
	if w.Untouched {
		r.Touch = new(bool)
	}
	if w.Synced {
		r.Consistency = "strong"
	}
	return json.Marshal(r)
}

// watchAnswer is the answer to a watchRequest.
type watchAnswer struct {
	ID     string `json:"wid"`
	URL    string `json:"stream_url"`
	LastID string `json:"last_event_id"`
	Topics map[string]struct {
		From uint64 `json:"from_seq"`
	} `json:"topics"`
}
