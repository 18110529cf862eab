package recovery

import (
	"context"
	"errors"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// Close ends the background, takes a last checkpoint, syncs and closes the log,
// says so in the manifest, and gives the directory free. No request may be
// running. A checkpoint that fails, or is not done when ctx ends, only costs
// the next start its time.
//
// A log that failed may have pages in the cache that are not on the disk and
// never will be. The manifest is then marked, so that the next start takes what
// had not been synced for lost, as after a power cut.
func (r *Recovered) Close(ctx context.Context) error {
	r.closing.Store(true)
	r.bound() // the end may not wait for an archive
	if r.stop != nil {
		r.stop()
	}
	some, cancel := share(ctx, 0.25)
	r.scrubs.stop(some)
	cancel()
	r.unpin()
	err := r.Registry.Close(ctx)
	if err == nil {
		r.lastCheckpoint(ctx)
	}
	err = errors.Join(err, r.Log.Close())
	if err == nil {
		err = r.writeManifest(r.Log.Newest(), r.Log.Synced(), true)
	} else if errors.Is(err, wal.ErrReadOnly) {
		r.lastMark(ctx)
	}
	r.giveUp()
	parted := r.part(ctx)
	r.closeSegments()
	if !parted {
		return err // the locks end with the process, as does what still runs
	}
	return errors.Join(err, r.leaveCold(), r.lock.Close())
}

// share returns a context that lasts for a part of the time that ctx has left.
func share(ctx context.Context, part float64) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(part*float64(time.Until(deadline))))
}

// part waits for what uses the archive and the cold directory. If either hangs
// it waits for half of the time that is left and reports false: nothing is lost
// when that work ends with the process.
func (r *Recovered) part(ctx context.Context) bool {
	if r.leave == nil {
		return true
	}
	ctx, cancel := share(ctx, 0.5)
	defer cancel()
	left := make(chan struct{})
	go func() {
		r.leave()
		close(left)
	}()
	select {
	case <-left:
		return true
	case <-ctx.Done():
		r.opts.Log.Warn().Msg("the archive or the cold directory does not answer; not waiting for it any longer")
		return false
	}
}

// lastCheckpoint takes a checkpoint if that is done in three quarters of the
// time there is: the log has to be closed, too.
func (r *Recovered) lastCheckpoint(ctx context.Context) {
	ctx, cancel := share(ctx, 0.75)
	defer cancel()
	if _, err := r.Checkpoint(ctx); err != nil {
		r.opts.Log.Warn().Err(err).Msg("no checkpoint at the end")
	}
}

func (r *Recovered) closeSegments() {
	r.mu.Lock()
	segs := r.segments
	r.segments = nil
	r.mu.Unlock()
	closeAll(segs)
}
