package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"
)

// Watch says what to watch and how. At least one topic or prefix is needed.
type Watch struct {
	Topics   map[string]Start // by name; all of them must be there
	Prefixes map[string]Start // every topic whose name begins so, now or later
	Nodes    []string         // leave out the records of these nodes
	Match    []string         // see Query.Match
	Limit    int              // most records in one event; 0: the server's default
	MaxBytes int              // payload budget of one event; 0: the server's default
	// Heartbeat is how long the server may be silent when there is nothing to
	// say; 0: the server's default. A stream that is silent for that and
	// Options.Timeout more is given up and opened again.
	Heartbeat   time.Duration
	IncludeTags bool
	OmitMeta    bool
	OmitData    bool
	Synced      bool // only what is synced to disk
}

// Start is where to begin in a topic: behind From, or at the end.
type Start struct {
	From uint64 `json:"from_seq"`
	Tail bool   `json:"tail,omitempty"`
}

// Watch follows topics over one stream of server-sent events, and takes it up
// again when it breaks, when the server restarts, and when the server has
// forgotten about it: every record comes once and in order, and what was lost
// comes as a Tombstone in its place.
//
// Options.RetryFor says how long it tries to get the stream back, from when it
// broke; without, the first break is the caller's. The pauses between attempts
// grow, and are never shorter than what the server asks for.
//
// A loop that takes its time slows nobody: the server sends bigger batches
// then, and after half a minute closes the stream, which is taken up again.
//
// The sequence ends when the loop is left, when ctx ends (without an error),
// or with the first error that trying again does not mend; the event beside an
// error is nil. An error of one topic is an error of the watch, and names the
// topic in its Detail. A topic that was deleted while the server did not know this
// watch any more is a TopicDeleted, and only followed on if it is one of a
// prefix.
func (c *Client) Watch(ctx context.Context, w Watch) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := newSession(c, &w, yield)
		var deadline time.Time // set at the first failure since there was news
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

// resumable reports whether a stream that ended with err may be taken up
// again. Reading does no harm, so all that matters is whether it can help.
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

// watchRequest is the body that makes a session.
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
}

// encode renders the request for a session that begins with these topics and
// prefixes.
func (w *Watch) encode(topics, prefixes map[string]Start) ([]byte, error) {
	r := watchRequest{
		Topics: topics, Prefixes: prefixes, Nodes: w.Nodes, Match: w.Match, Limit: w.Limit, MaxBytes: w.MaxBytes,
		HeartbeatMS: w.Heartbeat.Milliseconds(),
		IncludeMeta: !w.OmitMeta, IncludeTags: w.IncludeTags, IncludeData: !w.OmitData,
	}
	if w.Synced {
		r.Consistency = "strong"
	}
	return json.Marshal(r)
}

// watchAnswer is what makes of it.
type watchAnswer struct {
	ID     string `json:"wid"`
	URL    string `json:"stream_url"`
	LastID string `json:"last_event_id"`
	Topics map[string]struct {
		From uint64 `json:"from_seq"`
	} `json:"topics"`
}
