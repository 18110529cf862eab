package recovery

import (
	"context"
	"time"
)

// The background shares the processors with requests: it works for a moment
// and rests for several. Giving way without sleeping does not help: the
// scheduler then finds the background ready again before it looks for what has
// come in on the network, and a request waits for the next time that it does
// look, 10 ms later. The factors are what keeps the slowest hundredth of the
// writes within twice their time without the background, on two processors.
const (
	stint          = 300 * time.Microsecond
	checkpointRest = 5  // times what it worked
	mergeRest      = 15 // times what it worked
)

// steady paces a checkpoint. While it rests
// the log grows: once that is pressing it does not rest, nor when nobody is
// served any more.
func (r *Recovered) steady(ctx context.Context) func() error {
	began, behind := time.Now(), r.manifestNow().Checkpoint.ReplayStart()
	return func() error {
		worked := time.Since(began)
		if r.opts.WAL.Manual || worked < stint || r.closing.Load() {
			return ctx.Err()
		}
		if backlog := int64(r.Log.Tail() - behind); backlog < r.opts.Storage.CheckpointBytes*3/2 {
			rest(ctx, checkpointRest*worked)
		}
		began = time.Now()
		return ctx.Err()
	}
}

// unhurried paces what can wait. While nobody writes or reads it rests only as
// long as it works.
func (r *Recovered) unhurried(ctx context.Context) func() error {
	began, served := time.Now(), int64(0)
	return func() error {
		worked := time.Since(began)
		if r.opts.WAL.Manual || worked < stint {
			return ctx.Err()
		}
		if now := r.Registry.Served(); now != served {
			served = now
			worked *= mergeRest
		}
		rest(ctx, worked)
		began = time.Now()
		return ctx.Err()
	}
}

// pause is for work in steps of its own size.
func (r *Recovered) pause(ctx context.Context) error {
	if !r.opts.WAL.Manual {
		rest(ctx, mergeRest*stint)
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
