package api

import (
	"context"
	"errors"
	"sync"
)

// flight lets any number of callers share one run of something long, so that
// asking twice does not cost twice. The zero flight is ready.
type flight struct {
	mu  sync.Mutex
	now *flown // under way; nil: none
}

// flown is one run. done is closed when report and err are set.
type flown struct {
	done   chan struct{}
	report any
	err    error
}

// errUnfinished is what those who wait learn of a run that panicked.
var errUnfinished = errors.New("it ended without a result")

// do waits for the run that is under way, no longer than ctx, or else runs
// run to its end itself.
func (f *flight) do(ctx context.Context, run func() (any, error)) (any, error) {
	f.mu.Lock()
	if r := f.now; r != nil {
		f.mu.Unlock()
		select {
		case <-r.done:
			return r.report, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r := &flown{done: make(chan struct{}), err: errUnfinished}
	f.now = r
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.now = nil
		f.mu.Unlock()
		close(r.done)
	}()
	r.report, r.err = run()
	return r.report, r.err
}
