package store

import (
	"context"
	"errors"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// Close ends the background, takes a last checkpoint, syncs and closes the log,
// records that in the manifest, and releases the directory. No request may be
// running. A checkpoint that fails, or is not done when ctx ends, only costs the
// next start its time.
//
// A log that failed may have pages in the cache that are not on the disk and
// never will be. Close then records the failure in the manifest, so that the
// next start takes what had not been synced for lost, as after a power cut.
func (st *Store) Close(ctx context.Context) error {
	st.closing.Store(true)
	st.limitLog() // the last writes may not wait for an archive
	if st.stop != nil {
		st.stop()
	}
	some, cancel := share(ctx, 0.25)
	st.scrubs.stop(some)
	st.erasures.stop(some)
	cancel()
	st.endPins()
	err := st.Registry.Close(ctx)
	if err == nil {
		st.lastCheckpoint(ctx)
	}
	err = errors.Join(err, st.Log.Close())
	if err == nil {
		err = st.writeManifest(st.Log.Newest(), st.Log.Synced(), true)
	} else if errors.Is(err, wal.ErrReadOnly) {
		st.current.recordFailureAtEnd(ctx)
	}
	st.current.close()
	ended := st.waitForRemote(ctx)
	st.CloseSegments()
	if !ended {
		return err // the locks end with the process, as does what still runs
	}
	return errors.Join(err, st.cold.leave(), st.opts.Lock.Close())
}

// share returns a context that lasts for a part of the time that ctx has left.
func share(ctx context.Context, part float64) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(part*float64(time.Until(deadline))))
}

// waitForRemote waits for what uses the archive and the cold directory. If
// either hangs it waits for half of the time that is left and returns false:
// nothing is lost if that work ends with the process.
func (st *Store) waitForRemote(ctx context.Context) bool {
	if st.waitRemote == nil {
		return true
	}
	ctx, cancel := share(ctx, 0.5)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		st.waitRemote()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-ctx.Done():
		st.opts.Log.Warn().Msg("the archive or the cold directory does not respond; no longer waiting for it")
		return false
	}
}

// lastCheckpoint takes a checkpoint if that is done in three quarters of the
// time that is left: the log has to be closed, too.
func (st *Store) lastCheckpoint(ctx context.Context) {
	ctx, cancel := share(ctx, 0.75)
	defer cancel()
	if _, err := st.Checkpoint(ctx); err != nil {
		st.opts.Log.Warn().Err(err).Msg("the checkpoint at shutdown failed; the next start replays more of the log")
	}
}
