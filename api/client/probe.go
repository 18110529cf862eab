package client

import (
	"context"
	"net/http"
	"time"
)

// Readiness is the answer of /v0/ready. While Ready is false, Code is the
// reason, and the fields from Phase on describe the progress of recovery.
type Readiness struct {
	Ready  bool
	Status int               // HTTP status
	Code   string            // not_ready or shutting_down; empty when ready
	Topics int               // when ready
	Checks map[string]string // when ready

	Phase          string
	Reason         string // the message of a 503
	ReplayProgress float64
	BytesDone      int64
	BytesTotal     int64
	Records        int64
	ETA            time.Duration // remaining time of the replay; 0 if unknown
	RetryAfter     time.Duration
}

// Ready asks once, without retries, whether the server accepts traffic. A 503
// is returned as a Readiness, not as an error.
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

// readyPoll is the pause between two requests of WaitReady.
const readyPoll = 20 * time.Millisecond

// WaitReady polls until the server is ready, its recovery has failed, or ctx is
// done. A server that cannot be reached is polled as well. WaitReady calls
// seen, if not nil, with every answer. If the server is not ready it returns
// the last answer as an *Error.
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

// Health is the answer of /v0/health.
type Health struct {
	Status   string `json:"status"`
	Version  string `json:"version"`
	UptimeMS int64  `json:"uptime_ms"`
}

// Health asks once, without retries, whether the process serves requests, which
// it does during recovery too.
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

// Check is what a check of the server's health found.
type Check struct {
	Status string `json:"status"` // healthy, degraded, unhealthy
	Reason string `json:"reason"`
}

// Checks asks once, without retries, for what the checks of the server's health
// found, by their names.
func (c *Client) Checks(ctx context.Context) (map[string]Check, error) {
	resp, body, err := c.attempt(ctx, call{method: http.MethodGet, path: "/health"})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return nil, readError(resp, body)
	}
	var out struct {
		Checks map[string]Check `json:"checks"`
	}
	err = decodeNumbers(body, &out)
	return out.Checks, err
}

// MetricsJSON decodes the server's metrics into out as encoding/json does, so
// out needs fields only for the metrics that the caller wants.
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
