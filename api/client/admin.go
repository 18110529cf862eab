package client

import (
	"context"
	"net/http"
	"time"
)

// checkpointWait extends the ordinary timeout for a checkpoint.
const checkpointWait = 10 * time.Minute

// Checkpoint makes the server write a checkpoint and returns when it is done.
func (c *Client) Checkpoint(ctx context.Context) error {
	return c.do(ctx, call{
		method:     http.MethodPost,
		path:       "/v0/admin/checkpoint",
		wait:       checkpointWait,
		repeatable: true,
		confirm:    true,
	}, new(struct{}))
}

// Recovery is the server's report of its last recovery.
type Recovery struct {
	Bytes   int64           `json:"bytes"`            // bytes of the log that were replayed
	Records int64           `json:"records_replayed"` // records in those bytes
	Clean   bool            `json:"clean_shutdown"`   // the previous run was shut down in order
	Phases  []RecoveryPhase `json:"phases"`
}

// RecoveryPhase is one step of a recovery.
type RecoveryPhase struct {
	Name       string  `json:"name"`
	DurationMS float64 `json:"duration_ms"`
}

// Recovery returns the report of the last recovery.
func (c *Client) Recovery(ctx context.Context) (Recovery, error) {
	var out Recovery
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/recovery", repeatable: true}, &out)
	return out, err
}
