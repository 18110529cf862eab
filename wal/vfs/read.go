package vfs

import (
	"context"
	"errors"
)

// ErrBusy is the error of a read that waited too long for other reads: the disk does
// not answer.
var ErrBusy = errors.New("vfs: too many reads are waiting for the disk")

// contextReader is a file whose reads may wait before they begin.
type contextReader interface {
	ReadAtContext(ctx context.Context, p []byte, off int64) (int, error)
}

// ReadAt is f.ReadAt, except that a read which waits for other reads before it begins
// returns when ctx ends, or with ErrBusy after some time. A read that has begun cannot
// be interrupted. With a context that never ends ReadAt waits without a limit.
func ReadAt(ctx context.Context, f File, p []byte, off int64) (int, error) {
	if r, ok := f.(contextReader); ok {
		return r.ReadAtContext(ctx, p, off)
	}
	return f.ReadAt(p, off)
}
