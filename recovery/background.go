package recovery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// lookEvery is how often it is looked whether a checkpoint is due, retryAfter
// how long after one that failed the next is tried, and renewEvery how often
// reserves that are missing are laid up.
const (
	lookEvery  = 100 * time.Millisecond
	retryAfter = 5 * time.Second
	renewEvery = 2 * time.Second
	// fullEvery is how often a checkpoint is due on a full disk.
	fullEvery = time.Second
)

// runBackground starts the goroutines of the background: one takes
// checkpoints, one merges segments after each of them. What touches the
// directories that may be far away, and hang, has one for each: the archive's,
// and that of the cold directory.
func (r *Recovered) runBackground() {
	ctx, cancel := context.WithCancel(context.Background())
	var near, far sync.WaitGroup
	r.stop = func() { cancel(); near.Wait() }
	r.leave = far.Wait
	r.running.Store(true)
	r.bound()
	near.Go(func() { r.takeCheckpoints(ctx) })
	near.Go(func() { r.keepUp(ctx) })
	if r.archive.to != "" {
		far.Go(func() { r.archive.run(ctx) })
	}
	if r.opts.Storage.ColdDir != "" {
		far.Go(func() { r.keepCold(ctx) })
	}
}

func (r *Recovered) takeCheckpoints(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, renewed := r.opts.Now(), r.opts.Now()
	var failed, unchanged bool
	for {
		select {
		case <-tick.C:
		case <-r.released:
			r.giveBack()
			continue
		case <-ctx.Done():
			return
		}
		if now := r.opts.Now(); now.Sub(renewed) >= renewEvery {
			renewed = now
			r.renewReserve()
		}
		since := r.opts.Now().Sub(last)
		if failed && since < retryAfter || !r.due(since) && !r.gains(since, unchanged) {
			continue
		}
		out, err := r.Checkpoint(ctx)
		if ctx.Err() != nil {
			return
		}
		if failed = err != nil; failed {
			r.opts.Log.Warn().Err(err).Msg("the log is not cut yet")
		}
		unchanged = out.Unchanged
		last = r.opts.Now()
	}
}

// gains reports whether a checkpoint is worth it on a full disk, because what was
// deleted may make room: seldom, if the last one found nothing new.
func (r *Recovered) gains(since time.Duration, unchanged bool) bool {
	every := fullEvery
	if unchanged {
		every = retryAfter
	}
	return since >= every && r.Log.Stats().Full
}

// logBound is how many times what makes a checkpoint due the log may grow to
// before writers have to wait for checkpoints: the next start has to read it.
const logBound = 3

// bound holds the log to its bounds: that of checkpoints, unless they fail, for
// then it is better that it grows, and that of the archive. A log that is being
// closed has none.
func (r *Recovered) bound() {
	if !r.running.Load() {
		return
	}
	r.bounds.Lock()
	defer r.bounds.Unlock()
	var at wal.LSN
	if !r.closing.Load() {
		if bytes := r.opts.Storage.CheckpointBytes; bytes > 0 && !r.uncut.Load() {
			at = r.manifestNow().Checkpoint.ReplayStart() + logBound*wal.LSN(bytes)
		}
		if archive := r.archive.bound(r.opts.WAL.FileBytes); archive > 0 && (at == 0 || archive < at) {
			at = archive
		}
	}
	r.Log.SetLimit(at)
}

// finishedFile has a log file archived that was left for the next one.
func (r *Recovered) finishedFile(wal.File) {
	if r.opts.WAL.Manual {
		_ = r.archive.copyAll(context.Background()) // the check reports it
		return
	}
	signal(r.archive.wake)
	r.bound()
}

// archived has log files given back that waited for the archive only.
func (r *Recovered) archived() {
	r.bound()
	signal(r.released)
}

// signal leaves a hint; one is enough.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// giveBack releases log files between two checkpoints.
func (r *Recovered) giveBack() {
	r.work.Lock()
	defer r.work.Unlock()
	if _, err := r.releaseLog(); err != nil {
		r.opts.Log.Warn().Err(err).Msg("log files are not given back yet")
	}
}

// due reports whether a checkpoint is due when the last attempt was so long ago.
func (r *Recovered) due(since time.Duration) bool {
	o := &r.opts.Storage
	var start wal.LSN
	if c := r.manifestNow().Checkpoint; c != nil {
		start = c.ReplayStart()
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
		if err := r.reclaimHot(ctx); err != nil && ctx.Err() == nil {
			r.opts.Log.Warn().Err(err).Msg("space is not given back yet")
		}
	}
}

// keepCold does after each checkpoint what touches the cold directory.
func (r *Recovered) keepCold(ctx context.Context) {
	for {
		select {
		case <-r.offload:
		case <-ctx.Done():
			return
		}
		if err := errors.Join(r.Cool(ctx), r.reclaimCold(ctx)); err != nil && ctx.Err() == nil {
			r.opts.Log.Warn().Err(err).Msg("the cold directory is not available; segments stay where they are")
		}
	}
}
