package client

import (
	"context"
	"net/http"
	"time"
)

// Readiness is what /v0/ready says. While Ready is false, Code tells why and
// the replay fields tell how far recovery is.
type Readiness struct {
	Ready  bool
	Status int               // HTTP status
	Code   string            // not_ready, shutting_down; empty when ready
	Topics int               // when ready
	Checks map[string]string // when ready

	Phase          string
	Reason         string // the message of a 503
	ReplayProgress float64
	BytesDone      int64
	BytesTotal     int64
	Records        int64
	ETA            time.Duration // of the replay; 0: unknown
	RetryAfter     time.Duration
}

// Ready asks once, without retrying, whether the server takes traffic. A 503
// is an answer, not an error.
func (c *Client) Ready(ctx context.Context) (Readiness, error) {
	resp, body, err := c.attempt(ctx, call{method: http.MethodGet, path: "/v0/ready"})
	if err != nil {
		return Readiness{}, err
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusServiceUnavailable:
	default:
		return Readiness{}, readError(resp, body)
	}
	var answer struct {
		Topics int               `json:"topics"`
		Checks map[string]string `json:"checks"`
		Error  struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Detail  struct {
				Phase          string  `json:"phase"`
				ReplayProgress float64 `json:"replay_progress"`
				BytesDone      int64   `json:"bytes_done"`
				BytesTotal     int64   `json:"bytes_total"`
				Records        int64   `json:"records"`
				ETAMS          int64   `json:"eta_ms"`
			} `json:"detail"`
		} `json:"error"`
	}
	if err := decodeNumbers(body, &answer); err != nil {
		return Readiness{}, readError(resp, body)
	}
	r := Readiness{
		Ready:      resp.StatusCode == http.StatusOK,
		Status:     resp.StatusCode,
		Topics:     answer.Topics,
		Checks:     answer.Checks,
		Code:       answer.Error.Code,
		Reason:     answer.Error.Message,
		RetryAfter: retryAfter(resp.Header),
	}
	if r.Ready {
		r.Phase, r.ReplayProgress = "ready", 1
		return r, nil
	}
	d := &answer.Error.Detail
	r.Phase, r.ReplayProgress, r.Records = d.Phase, d.ReplayProgress, d.Records
	r.BytesDone, r.BytesTotal = d.BytesDone, d.BytesTotal
	r.ETA = time.Duration(d.ETAMS) * time.Millisecond
	return r, nil
}

// readyPoll is the pause between two questions of WaitReady.
const readyPoll = 20 * time.Millisecond

// WaitReady asks until the server is ready, has failed to recover, or ctx
// ends. A server that cannot be reached yet is waited for. seen, when not nil,
// gets every answer. The error is the last answer.
func (c *Client) WaitReady(ctx context.Context, seen func(Readiness)) error {
	for {
		r, err := c.Ready(ctx)
		if err == nil {
			if seen != nil {
				seen(r)
			}
			if r.Ready {
				return nil
			}
			err = &Error{Status: r.Status, Code: r.Code, Message: r.Reason, RetryAfter: r.RetryAfter}
		}
		if r.Phase == "failed" || !sleep(ctx, readyPoll) {
			return err
		}
	}
}

// Health is what /v0/health says.
type Health struct {
	Status   string `json:"status"`
	Version  string `json:"version"`
	UptimeMS int64  `json:"uptime_ms"`
}

// Health asks once whether the process serves; it does during recovery too.
func (c *Client) Health(ctx context.Context) (Health, error) {
	resp, body, err := c.attempt(ctx, call{method: http.MethodGet, path: "/v0/health"})
	if err != nil {
		return Health{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return Health{}, readError(resp, body)
	}
	var h Health
	err = decodeNumbers(body, &h)
	return h, err
}

// MetricsJSON decodes the metrics into out, as encoding/json does: it has the
// fields that are wanted of them.
func (c *Client) MetricsJSON(ctx context.Context, out any) error {
	return c.do(ctx, call{method: http.MethodGet, path: "/v0/metrics", accept: "application/json", repeatable: true}, out)
}

// Metrics returns the metrics in the Prometheus text format.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	resp, body, err := c.attempt(ctx, call{method: http.MethodGet, path: "/v0/metrics"})
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", readError(resp, body)
	}
	return string(body), nil
}
