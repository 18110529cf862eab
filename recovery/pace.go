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

// paceCheckpoint keeps a checkpoint out of the way without ever stopping it:
// while it waits the log grows.
func paceCheckpoint(ctx context.Context) error {
	yield()
	return ctx.Err()
}

// A merge stops while requests want the processors: when others ran for longer
// than busy, it rests for many times that.
const (
	busy     = 100 * time.Microsecond
	restFor  = 10
	restMost = 50 * time.Millisecond
)

// paceMerge keeps work that can wait out of the way.
func paceMerge(ctx context.Context) error {
	if others := yield(); others > busy {
		t := time.NewTimer(min(restFor*others, restMost))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
