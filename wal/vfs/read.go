package vfs

import "context"

// contextReader is a file whose reads may have to wait before they begin.
type contextReader interface {
	ReadAtContext(ctx context.Context, p []byte, off int64) (int, error)
}

// ReadAt is f.ReadAt, but that a read which has to wait before it begins ends
// with ctx. One that has begun cannot be ended.
func ReadAt(ctx context.Context, f File, p []byte, off int64) (int, error) {
	if r, ok := f.(contextReader); ok {
		return r.ReadAtContext(ctx, p, off)
	}
	return f.ReadAt(p, off)
}
