package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

const (
	// checkEvery is how often the background checks whether a checkpoint is due.
	checkEvery = 100 * time.Millisecond
	// retryAfter is the time from a failed attempt to the next.
	retryAfter = 5 * time.Second
	// fillReserveEvery is how often reserves that are missing are made.
	fillReserveEvery = 2 * time.Second
	// fullEvery is how often a checkpoint is due on a full disk.
	fullEvery = time.Second
)

// background is the goroutines that work on a store without being asked, and
// what wakes them.
type background struct {
	running          atomic.Bool
	closing          atomic.Bool
	checkpointFailed atomic.Bool // the last one did

	limits sync.Mutex // held while the log's limit is worked out and set

	// Each has capacity 1: a signal that is there already is enough.
	checkpointTaken chan struct{}
	coldWorkDue     chan struct{}
	truncateDue     chan struct{}
	filesReleased   chan struct{} // by a backup, or by the archive

	// stop ends all goroutines and waits for those that use only the data
	// directory; waitRemote waits for the others. Both are nil if none was
	// started.
	stop, waitRemote func()
}

func newBackground() background {
	return background{
		checkpointTaken: make(chan struct{}, 1), coldWorkDue: make(chan struct{}, 1), truncateDue: make(chan struct{}, 1),
		filesReleased: make(chan struct{}, 1),
	}
}

// signal wakes what waits for ch.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// runBackground starts the goroutines: one takes checkpoints, one compacts
// segments after each of them, and the archive and the cold directory, which may
// be remote and hang, have one each.
func (st *Store) runBackground() {
	ctx, cancel := context.WithCancel(context.Background())
	var local, remote sync.WaitGroup
	st.stop = func() { cancel(); local.Wait() }
	st.waitRemote = remote.Wait
	st.running.Store(true)
	st.limitLog()
	local.Go(func() { st.takeCheckpoints(ctx) })
	local.Go(func() { st.runCompaction(ctx) })
	if st.archive.to != "" {
		remote.Go(func() { st.archive.run(ctx) })
	}
	if st.cold.dir != "" {
		remote.Go(func() { st.runColdWork(ctx) })
	}
}

func (st *Store) takeCheckpoints(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	last, filled := st.opts.Now(), st.opts.Now()
	var failed, unchanged bool
	for {
		select {
		case <-tick.C:
		case <-st.truncateDue:
			st.truncate()
			continue
		case <-ctx.Done():
			return
		}
		if now := st.opts.Now(); now.Sub(filled) >= fillReserveEvery {
			filled = now
			st.current.fillReserve()
		}
		since := st.opts.Now().Sub(last)
		if failed && since < retryAfter || !st.checkpointDue(since) && !st.checkpointHelps(since, unchanged) {
			continue
		}
		out, err := st.Checkpoint(ctx)
		if ctx.Err() != nil {
			return
		}
		if failed = err != nil; failed {
			st.opts.Log.Warn().Err(err).Msg("checkpoint failed; will retry; the log is not truncated")
		}
		unchanged = out.Unchanged
		last = st.opts.Now()
	}
}

// checkpointDue reports whether a checkpoint is due when the last attempt was
// so long ago.
func (st *Store) checkpointDue(since time.Duration) bool {
	set := &st.opts.Settings
	start := st.current.get().Checkpoint.ReplayStart()
	return set.CheckpointBytes > 0 && int64(st.Log.Tail()-start) >= set.CheckpointBytes ||
		set.CheckpointInterval > 0 && since >= set.CheckpointInterval ||
		set.MaxAge > 0 && since >= set.MaxAge
}

// checkpointHelps reports whether a checkpoint is worth it on a full disk,
// because what was deleted may make room. It is tried more seldom if the last
// one found nothing new.
func (st *Store) checkpointHelps(since time.Duration, unchanged bool) bool {
	every := fullEvery
	if unchanged {
		every = retryAfter
	}
	return since >= every && st.Log.Stats().Full
}

// limitFactor is how many times CheckpointBytes the log may grow to before
// writers have to wait for checkpoints: the next start has to read it.
const limitFactor = 3

// limitLog sets the log's limit: that of checkpoints, unless they fail, for then
// it is better that the log grows, and that of the archive. A log that is being
// closed has none.
func (st *Store) limitLog() {
	if !st.running.Load() {
		return
	}
	st.limits.Lock()
	defer st.limits.Unlock()
	var at wal.LSN
	if !st.closing.Load() {
		if bytes := st.opts.Settings.CheckpointBytes; bytes > 0 && !st.checkpointFailed.Load() {
			at = st.current.get().Checkpoint.ReplayStart() + limitFactor*wal.LSN(bytes)
		}
		if archive := st.archive.limit(st.opts.WAL.FileBytes); archive > 0 && (at == 0 || archive < at) {
			at = archive
		}
	}
	st.Log.SetLimit(at)
}

// fileFinished has a log file archived that the log has filled.
func (st *Store) fileFinished(wal.File) {
	if st.opts.WAL.Manual {
		_ = st.archive.copyAll(context.Background()) // ArchiveCheck reports it
		return
	}
	signal(st.archive.wake)
	st.limitLog()
}

// fileArchived has the log truncated if it waited only for the archive.
func (st *Store) fileArchived() {
	st.limitLog()
	signal(st.truncateDue)
}

// truncate truncates the front of the log between two checkpoints.
func (st *Store) truncate() {
	st.work.Lock()
	defer st.work.Unlock()
	if _, err := st.truncateLocked(); err != nil {
		st.opts.Log.Warn().Err(err).Msg("the front of the log could not be truncated; will retry")
	}
	signal(st.filesReleased)
}

// runCompaction compacts the data directory after each checkpoint.
func (st *Store) runCompaction(ctx context.Context) {
	for {
		select {
		case <-st.checkpointTaken:
		case <-ctx.Done():
			return
		}
		if err := st.compactHot(ctx); err != nil && ctx.Err() == nil {
			st.opts.Log.Warn().Err(err).Msg("compaction failed; will retry after the next checkpoint")
		}
	}
}

// runColdWork does after each checkpoint what uses the cold directory.
func (st *Store) runColdWork(ctx context.Context) {
	for {
		select {
		case <-st.coldWorkDue:
		case <-ctx.Done():
			return
		}
		if err := errors.Join(st.Offload(ctx), st.compactCold(ctx)); err != nil && ctx.Err() == nil {
			st.opts.Log.Warn().Err(err).Msg("the cold directory is not available; segments stay where they are")
		}
	}
}
