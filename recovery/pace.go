package recovery

import (
	"context"
	"runtime"
	"time"
)

// The background shares the processors with requests. Between pieces of work,
// each a fraction of a millisecond, it lets everybody else who is ready run
// first. How long that takes says how busy the machine is.

// yield lets others run, and returns how long they did.
func yield() time.Duration {
	began := time.Now()
	runtime.Gosched()
	return time.Since(began)
}

// When others ran for longer than busy, requests want the processors.
const busy = 100 * time.Microsecond

// A checkpoint rests for about as long as they ran, so that it takes half of
// what there is at most. While it waits the log grows: when that has become
// pressing, it does not.
func paceCheckpoint(ctx context.Context, pressing func() bool) error {
	if others := yield(); others > busy && !pressing() {
		rest(ctx, min(others, 5*time.Millisecond))
	}
	return ctx.Err()
}

// A merge can wait: it rests for many times as long.
func paceMerge(ctx context.Context) error {
	if others := yield(); others > busy {
		rest(ctx, min(10*others, 50*time.Millisecond))
	}
	return ctx.Err()
}

// rest waits for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
