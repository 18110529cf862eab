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
	if r.stop != nil {
		r.stop()
	}
	r.scrubs.stop()
	r.unpin()
	coldErr := r.leaveCold()
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
	r.closeSegments()
	return errors.Join(err, coldErr, r.lock.Close())
}

// lastCheckpoint takes a checkpoint if that is done in three quarters of the
// time there is: the log has to be closed, too.
func (r *Recovered) lastCheckpoint(ctx context.Context) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)*3/4)
		defer cancel()
	}
	if _, err := r.Checkpoint(ctx); err != nil {
		r.opts.Log.Warn().Err(err).Msg("no checkpoint at the end")
	}
}

func (r *Recovered) closeSegments() {
	closeAll(r.segments)
	r.segments = nil
}
