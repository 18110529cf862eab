package client

import (
	"context"
	"net/http"
	"net/url"
)

// ErasureState is how an erasure of what is dead is doing.
type ErasureState struct {
	State     string         `json:"state"` // idle, running, done or failed
	StartedAt string         `json:"started_at"`
	Step      string         `json:"step"` // checkpoints, segments or files
	Checked   int            `json:"segments_checked"`
	Segments  int            `json:"segments_total"`
	WaitsFor  string         `json:"waits_for"` // backup, archive or disk; empty for none
	Result    ErasureReceipt `json:"result"`    // of one that is done
	Error     string         `json:"error"`     // why it failed, or why the disk keeps a file
}

// ErasureReceipt says what an erasure did: what was deleted, evicted or expired
// before StartedAt is in no log file, checkpoint or segment any more.
type ErasureReceipt struct {
	StartedAt    string `json:"started_at"`
	FinishedAt   string `json:"finished_at"`
	Checkpoint   uint64 `json:"checkpoint"`
	FirstLSN     uint64 `json:"first_lsn"`  // where the oldest log file begins
	FirstFile    string `json:"first_file"` // its name
	Checked      int    `json:"segments_checked"`
	Rewritten    int    `json:"segments_rewritten"`
	Removed      int    `json:"segments_removed"`
	Records      int64  `json:"records_erased"` // from segments
	BytesRead    int64  `json:"bytes_read"`
	BytesWritten int64  `json:"bytes_written"`
	Elsewhere    struct {
		ArchiveBefore string `json:"archive_files_before,omitempty"` // archived files before that name may have it; empty without an archive
		BackupsBefore string `json:"backups_begun_before"`           // backups begun before that may have it
	} `json:"elsewhere"`
}

// StartErasure begins to erase from the disk what was deleted, evicted or has
// expired, and returns how that is doing. While there is an erasure it is refused
// with CodeThrottled: its receipt would not hold for what was deleted since.
func (c *Client) StartErasure(ctx context.Context) (ErasureState, error) {
	var out ErasureState
	err := c.do(ctx, call{
		method: http.MethodPost, path: "/v0/admin/compact", query: url.Values{"wait": {"false"}}, confirm: true,
	}, &out)
	return out, err
}

// ErasureState returns how the erasure in progress is doing, or how the last one
// ended.
func (c *Client) ErasureState(ctx context.Context) (ErasureState, error) {
	var out ErasureState
	err := c.do(ctx, call{method: http.MethodGet, path: "/v0/admin/compact", repeatable: true}, &out)
	return out, err
}
