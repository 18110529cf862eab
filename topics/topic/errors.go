package topic

import (
	"errors"

	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// LogError gives the log's refusals this package's words.
func LogError(err error) error {
	if err == nil {
		return nil
	}
	if _, done := errors.AsType[*record.Error](err); done {
		return err
	}
	switch {
	case errors.Is(err, wal.ErrBusy):
		return err
	case errors.Is(err, wal.ErrQueueFull):
		return &record.Error{Kind: record.KindThrottled, Message: "the log's queue is full", Err: err,
			Detail: map[string]any{"retry_after_ms": 1000}}
	case errors.Is(err, wal.ErrDiskFull):
		return &record.Error{Kind: record.KindNoSpace, Message: "the disk is full; nothing was appended", Err: err}
	case errors.Is(err, wal.ErrNoFile):
		return &record.Error{Kind: record.KindUnavailable, Message: "the log cannot make its next file at the moment; nothing was appended", Err: err,
			Detail: map[string]any{"retry_after_ms": 1000}}
	case errors.Is(err, wal.ErrReadOnly):
		return &record.Error{Kind: record.KindReadOnly, Message: "the log is read-only", Err: err}
	case errors.Is(err, vfs.ErrBusy):
		return &record.Error{Kind: record.KindReadOnly, Message: "the disk does not answer: reads wait for others", Err: err}
	case errors.Is(err, wal.ErrClosed), errors.Is(err, index.ErrMoved):
		return &record.Error{Kind: record.KindClosed, Message: "the server is shutting down", Err: err}
	case errors.Is(err, wal.ErrTooLarge):
		return &record.Error{Kind: record.KindBatchTooLarge, Message: "the write is larger than the log can hold", Err: err}
	}
	if errors.Is(err, index.ErrDamaged) {
		return &record.Error{Kind: record.KindDamaged, Message: "stored records are damaged", Err: err}
	}
	var corrupt *wal.CorruptionError
	if errors.As(err, &corrupt) {
		return &record.Error{Kind: record.KindDamaged, Message: "stored records are damaged", Err: err}
	}
	return err
}

// UnderWayError refuses a request that has to come after a change of the same
// name which is not durable yet.
type UnderWayError struct{ At wal.LSN }

func (*UnderWayError) Error() string { return "topics: a change of the same name is under way" }
