package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Identity is what a key may do.
type Identity struct {
	KeyID        string   `json:"key_id"`
	Scopes       []string `json:"scopes"`   // read, write, delete, admin-read, admin-write
	Prefixes     []string `json:"prefixes"` // of the names that the key sees; empty for all
	KeysRequired bool     `json:"keys_required"`
}

// Whoami returns what the client's key may do.
func (c *Client) Whoami(ctx context.Context) (Identity, error) {
	var out Identity
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/whoami", repeatable: true}, &out)
	return out, err
}

// Stats is an overview of a server, which the server puts together at most once a
// second.
type Stats struct {
	Timestamp time.Time `json:"timestamp"`
	UptimeMS  int64     `json:"uptime_ms"`
	Phase     string    `json:"phase"`
	Health    string    `json:"health"` // healthy, degraded, unhealthy
	Topics    struct {
		Topics           int    `json:"topics"`
		RecordsLive      int64  `json:"records_live"`
		BytesLive        int64  `json:"bytes_live"`
		AppendedBytes    uint64 `json:"appended_bytes"`    // since the start, as ForwardedRecords
		ForwardedRecords uint64 `json:"forwarded_records"` // by routers
	} `json:"topics"`
	WAL struct {
		Fsyncs uint64 `json:"fsync_count"` // since the start
	} `json:"wal"`
	Connections struct {
		Open    int `json:"open"`
		Streams int `json:"streams"`
		Sockets int `json:"sockets"`
	} `json:"connections"`
	Rates struct {
		Second Rates `json:"1s"`
		Minute Rates `json:"60s"`
	} `json:"rates"`
	ReplayBytes   *int64 `json:"replay_bytes"`   // of the log, that a start would replay now; nil during recovery
	UnsyncedBytes *int64 `json:"unsynced_bytes"` // of the log, that a power cut would lose now; nil during recovery
}

// Rates are what a server does in a second. What is unknown is nil.
type Rates struct {
	Appends    *float64 `json:"appends"`
	Reads      *float64 `json:"reads"`
	Deliveries *float64 `json:"deliveries"`
	Claims     *float64 `json:"claims"`
	Acks       *float64 `json:"acks"`
	Requests   *float64 `json:"requests"`
	Errors     *float64 `json:"errors"`
}

// Stats returns an overview of the server, in every phase.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	var out Stats
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/admin/stats", repeatable: true}, &out)
	return out, err
}

// History is what a server did in the last hour.
type History struct {
	StepMS int64                 `json:"step_ms"`
	Times  []int64               `json:"times"`  // Unix milliseconds, when each step ended
	Series map[string][]*float64 `json:"series"` // a value for each step; nil is unknown
	Fsync  struct {
		BoundsUS []float64 `json:"bounds_us"`
		Counts   [][]int64 `json:"counts"` // for each step, by bucket
	} `json:"fsync"`
}

// History returns the last span in steps, such as "1h" and "5s". Empty strings
// mean the server's defaults.
func (c *Client) History(ctx context.Context, span, step string) (History, error) {
	query := url.Values{}
	for name, value := range map[string]string{"span": span, "step": step} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var out History
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/admin/history", query: query, repeatable: true}, &out)
	return out, err
}

// Request is a request in progress.
type Request struct {
	ID      string  `json:"id"`
	Method  string  `json:"method"`
	Route   string  `json:"route"`
	KeyID   string  `json:"key_id"`
	Remote  string  `json:"remote"`
	Topic   string  `json:"topic"`
	AgeMS   float64 `json:"age_ms"`
	Waiting bool    `json:"waiting"` // it can be cancelled
	You     bool    `json:"you"`     // of the client's own key and host
}

// Requests returns the requests in progress, the oldest first, at most 1000.
func (c *Client) Requests(ctx context.Context) ([]Request, error) {
	var out struct {
		Requests []Request `json:"requests"`
	}
	query := url.Values{"limit": {listPage}}
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/admin/requests", query: query, repeatable: true}, &out)
	return out.Requests, err
}

// CancelRequest cancels a request that waits. It reports whether it did, and the
// server's reason if not.
func (c *Client) CancelRequest(ctx context.Context, id string) (cancelled bool, reason string, err error) {
	var out struct {
		Cancelled bool   `json:"cancelled"`
		Reason    string `json:"reason"`
	}
	err = c.do(ctx, call{
		method: http.MethodPost, path: "/v0/admin/requests/" + url.PathEscape(id) + "/cancel", confirm: true,
	}, &out)
	return out.Cancelled, out.Reason, err
}

// Session is a watch session, a stream of jobs or a WebSocket.
type Session struct {
	ID          string         `json:"id"`
	Kind        string         `json:"kind"` // watch, work or websocket
	Key         string         `json:"key"`
	Remote      string         `json:"remote"`
	Transport   string         `json:"transport"` // sse, websocket or none
	OpenedTS    int64          `json:"opened_ts"`
	Topics      []SessionTopic `json:"topics"`
	TopicsTotal int            `json:"topics_total"`
	Streaming   bool           `json:"streaming"`
	IdleMS      int64          `json:"idle_ms"`
	Sent        int64          `json:"sent_bytes"`
	Received    int64          `json:"received_bytes"`
}

// SessionTopic is how far a session has got in a topic.
type SessionTopic struct {
	Topic  string `json:"topic"`
	Cursor uint64 `json:"cursor"`
	Lag    uint64 `json:"lag"`
}

// SessionFilter selects sessions. Empty fields select all.
type SessionFilter struct{ KeyID, Topic, Prefix string }

// Sessions returns the sessions that the filter selects, the oldest first, at
// most 1000.
func (c *Client) Sessions(ctx context.Context, f SessionFilter) ([]Session, error) {
	query := url.Values{"limit": {listPage}}
	for name, value := range map[string]string{"key": f.KeyID, "topic": f.Topic, "prefix": f.Prefix} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var out struct {
		Sessions []Session `json:"sessions"`
	}
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/admin/sessions", query: query, repeatable: true}, &out)
	return out.Sessions, err
}

// CloseSession ends a session, stream or WebSocket.
func (c *Client) CloseSession(ctx context.Context, id string) error {
	return c.do(ctx, call{
		method: http.MethodPost, path: "/v0/admin/sessions/" + url.PathEscape(id) + "/close", confirm: true,
	}, new(struct{}))
}

// VerifyState is how a check of everything that is stored is doing.
type VerifyState struct {
	State      string  `json:"state"` // idle, running, done or failed
	StartedAt  string  `json:"started_at"`
	Progress   float64 `json:"progress"`
	BytesDone  int64   `json:"bytes_done"`
	BytesTotal int64   `json:"bytes_total"`
	Error      string  `json:"error"`
	Result     struct {
		DamagesTotal int `json:"damages_total"`
	} `json:"result"`
}

// StartVerify begins a check, unless one is in progress, and returns how that
// one is doing.
func (c *Client) StartVerify(ctx context.Context) (VerifyState, error) {
	var out VerifyState
	err := c.do(ctx, call{
		method: http.MethodPost, path: "/v0/admin/verify", query: url.Values{"wait": {"false"}}, repeatable: true, confirm: true,
	}, &out)
	return out, err
}

// VerifyState returns how the check in progress is doing, or how the last one
// ended.
func (c *Client) VerifyState(ctx context.Context) (VerifyState, error) {
	var out VerifyState
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/admin/verify", repeatable: true}, &out)
	return out, err
}
