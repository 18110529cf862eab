package admin

import (
	"context"
	"io"

	"github.com/e6e95bb8/topics/api/metrics"
)

// Storage is what the admin routes and the metrics need of what lies below the
// topics: the log's files, checkpoints and segments. Reports are rendered as
// JSON and must marshal to an object. Errors that are no *topics.Error reach
// the client as internal, with their words.
type Storage interface {
	// Checkpoint takes a checkpoint now and returns its account.
	Checkpoint(ctx context.Context) (report any, err error)
	// Verify checks all that is stored and returns what it found. Calls at the
	// same time share one check, which outlasts a call whose ctx ends. Damage is
	// part of the report and no error.
	Verify(ctx context.Context) (report any, err error)
	// StartVerify begins such a check and does not wait for it. If one is under way,
	// it does nothing.
	StartVerify() error
	// VerifyState is how the check under way is doing, or how the last one ended.
	// It is cheap.
	VerifyState() any
	// Erase removes from the disk whatever was dead when it was called, and returns
	// its receipt. One erasure runs at a time, and outlasts a call whose ctx ends.
	Erase(ctx context.Context) (receipt any, err error)
	// StartErasure begins an erasure and does not wait for it.
	StartErasure() error
	// ErasureState is how the erasure under way is doing, or how the last one ended.
	// It is cheap.
	ErasureState() any
	// Backup writes a consistent copy to w, as a tar. An error of w ends it.
	Backup(ctx context.Context, w io.Writer) error
	// Stats is cheap and safe to call at any time.
	Stats() metrics.StorageStats
}
