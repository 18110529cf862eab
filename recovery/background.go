package recovery

import (
	"context"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// lookEvery is how often it is looked whether a checkpoint is due, and
// retryAfter how long after one that failed the next is tried.
const (
	lookEvery  = 100 * time.Millisecond
	retryAfter = 5 * time.Second
)

// runBackground starts the two goroutines of the background: one takes
// checkpoints, the other merges and moves segments after each of them.
func (r *Recovered) runBackground() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	r.stop = func() { cancel(); wg.Wait() }
	r.bound(nil)
	wg.Go(func() { r.takeCheckpoints(ctx) })
	wg.Go(func() { r.keepUp(ctx) })
}

func (r *Recovered) takeCheckpoints(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := r.opts.Now()
	var failed bool
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		since := r.opts.Now().Sub(last)
		if failed && since < retryAfter || !r.due(since) {
			continue
		}
		_, err := r.Checkpoint(ctx)
		if ctx.Err() != nil {
			return
		}
		if failed = err != nil; failed {
			r.opts.Log.Warn().Err(err).Msg("the log is not cut yet")
		}
		last = r.opts.Now()
	}
}

// logBound is how many times what makes a checkpoint due the log may grow to
// before writers have to wait for checkpoints: the next start has to read it.
const logBound = 3

// bound holds the log to its bound, unless checkpoints fail: then it is better
// that it grows.
func (r *Recovered) bound(failed error) {
	o := &r.opts.Storage
	if failed != nil || o.CheckpointBytes == 0 || r.stop == nil {
		r.Log.Bound(0)
		return
	}
	r.Log.Bound(r.manifestNow().Checkpoint.start() + logBound*wal.LSN(o.CheckpointBytes))
}

// due says whether a checkpoint is due when the last attempt was so long ago.
func (r *Recovered) due(since time.Duration) bool {
	o := &r.opts.Storage
	var start wal.LSN
	if c := r.manifestNow().Checkpoint; c != nil {
		start = c.start()
	}
	return o.CheckpointBytes > 0 && int64(r.Log.Tail()-start) >= o.CheckpointBytes ||
		o.CheckpointInterval > 0 && since >= o.CheckpointInterval ||
		o.MaxAge > 0 && since >= o.MaxAge
}

func (r *Recovered) keepUp(ctx context.Context) {
	for {
		select {
		case <-r.taken:
		case <-ctx.Done():
			return
		}
		if err := r.Reclaim(ctx); err != nil && ctx.Err() == nil {
			r.opts.Log.Warn().Err(err).Msg("space is not given back yet")
		}
		if err := r.Cool(ctx); err != nil && ctx.Err() == nil {
			r.opts.Log.Warn().Err(err).Msg("old segments stay where they are")
		}
	}
}
