package store

import (
	"context"
	"time"
)

// The background shares the processors with requests: it works for a time slice
// and rests for several. Yielding without sleeping does not help: the scheduler
// then finds the background ready again before it polls the network, and a
// request waits for the next time that it does, 10 ms later. The factors are
// what keeps the slowest hundredth of the writes within twice their time without
// the background, on two processors.
const (
	timeSlice      = 300 * time.Microsecond
	checkpointRest = 5  // times the time worked
	compactionRest = 15 // times the time worked
)

// checkpointPace paces a checkpoint. While it rests the log grows, so it does
// not rest once the log is long, nor while the store is being closed.
func (st *Store) checkpointPace(ctx context.Context) func() error {
	began, start := time.Now(), st.current.get().Checkpoint.ReplayStart()
	return func() error {
		worked := time.Since(began)
		if st.opts.WAL.Manual || worked < timeSlice || st.closing.Load() {
			return ctx.Err()
		}
		if backlog := int64(st.Log.Tail() - start); backlog < st.opts.Settings.CheckpointBytes*3/2 {
			rest(ctx, checkpointRest*worked)
		}
		began = time.Now()
		return ctx.Err()
	}
}

// idlePace paces work that can wait. While there are no writes or reads it rests
// only as long as it works.
func (st *Store) idlePace(ctx context.Context) func() error {
	began, served := time.Now(), int64(0)
	return func() error {
		worked := time.Since(began)
		if st.opts.WAL.Manual || worked < timeSlice {
			return ctx.Err()
		}
		if now := st.Registry.Served(); now != served {
			served = now
			worked *= compactionRest
		}
		rest(ctx, worked)
		began = time.Now()
		return ctx.Err()
	}
}

// pause paces work in steps of its own size.
func (st *Store) pause(ctx context.Context) error {
	if !st.opts.WAL.Manual {
		rest(ctx, compactionRest*timeSlice)
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
