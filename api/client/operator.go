package client

import (
	"context"
	"net/http"
	"net/url"
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
