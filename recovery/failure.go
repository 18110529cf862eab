package recovery

import (
	"context"
	"errors"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// The pauses between attempts to mark the manifest, and how many of them Close
// makes.
const (
	markPause     = 100 * time.Millisecond
	markPauseMost = 10 * time.Second
	markAttempts  = 5
)

// logFailed marks the manifest when the log fails, and tries again for as long
// as the process has the directory: the disk that failed the log may fail the
// manifest, too, and without the mark the next start in this boot would trust
// pages that the kernel has given up.
func (r *Recovered) logFailed(error) {
	r.mu.Lock()
	r.failed = true
	r.mu.Unlock()
	for pause := markPause; !r.mark(); pause = min(2*pause, markPauseMost) {
		if r.opts.WAL.Manual {
			return
		}
		select {
		case <-time.After(pause):
		case <-r.ended:
			return
		}
	}
}

// hasFailed reports whether the log has failed in this life.
func (r *Recovered) hasFailed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// mark makes durable that the log cannot be trusted, unless the directory has
// been given up. It returns false if there is a point in trying again.
func (r *Recovered) mark() bool {
	r.commits.Lock()
	defer r.commits.Unlock()
	if r.givenUp() {
		return true
	}
	r.mu.Lock()
	r.manifest.Failed = true
	r.mu.Unlock()
	err := r.reserve.WriteManifest(r.manifestNow())
	r.mu.Lock()
	r.unmarked = err != nil
	r.mu.Unlock()
	if err != nil {
		r.opts.Log.Warn().Err(err).Msg("the log has failed, and the manifest cannot be marked; will retry")
	}
	return err == nil
}

// lastMark is mark for a directory that is about to be given up.
func (r *Recovered) lastMark(ctx context.Context) {
	pause := markPause
	for n := 1; !r.mark() && n < markAttempts && !r.opts.WAL.Manual; n++ {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause *= 2
	}
}

// giveUp ends what may still write the manifest: after it, the directory may
// belong to another process.
func (r *Recovered) giveUp() {
	r.commits.Lock() // none is being written
	defer r.commits.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.gone {
		r.gone = true
		close(r.ended)
	}
}

// givenUp reports whether giveUp was called. r.commits is held.
func (r *Recovered) givenUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

// replay opens the log. An opening that could not sync it has the proof in hand
// that the page cache is not to be trusted: the manifest is marked, and what can
// be read now is taken as after a power cut. One that fails again refuses.
func (r *Recovered) replay(ctx context.Context) error {
	err := r.openLog(ctx)
	if bad := new(wal.SyncError); !errors.As(err, &bad) {
		return err
	}
	r.opts.Log.Warn().Err(err).Msg("the log could not be synced; taking what had not been for lost, as after a power cut")
	r.mark()
	r.closeSegments()
	again := *NewReport(r.Report.Started)
	again.Phases, again.ManifestFallback = r.Report.Phases, r.Report.ManifestFallback
	again.CheckpointFallback = r.Report.CheckpointFallback // the manifest begins at the older one by now
	again.CleanShutdown, again.PowerLost = r.Report.CleanShutdown, true
	r.Report = again
	if err := r.restore(ctx); err != nil {
		return err
	}
	return r.openLog(ctx)
}
