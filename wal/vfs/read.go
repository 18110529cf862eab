package vfs

import (
	"context"
	"errors"
)

// ErrBusy is the error of a read for which too many others have been under way
// for too long: the disk does not answer.
var ErrBusy = errors.New("vfs: too many reads are waiting for the disk")

// contextReader is a file whose reads may have to wait before they begin.
type contextReader interface {
	ReadAtContext(ctx context.Context, p []byte, off int64) (int, error)
}

// ReadAt is f.ReadAt, but that a read which has to wait before it begins ends
// with ctx, or after a while with ErrBusy. One that has begun cannot be ended.
// With a context that never ends it waits for as long as it takes.
func ReadAt(ctx context.Context, f File, p []byte, off int64) (int, error) {
	if r, ok := f.(contextReader); ok {
		return r.ReadAtContext(ctx, p, off)
	}
	return f.ReadAt(p, off)
}
