package store

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
)

// The pauses between attempts to record that the log has failed, and the number
// of attempts that Close makes.
const (
	recordPause    = 100 * time.Millisecond
	recordPauseMax = 10 * time.Second
	recordAttempts = 5
)

// logFailed records in the manifest that the log has failed. It retries for as
// long as the process has the directory: the disk that failed the log may fail
// the manifest, too, and without the record the next start in this boot would
// trust pages that the kernel has given up.
func (st *Store) logFailed(error) { st.current.logFailed() }

// RecordFailure makes durable that the log cannot be trusted. It leaves a damaged
// manifest as it is: that one counts as such a record, and proves more.
func (st *Store) RecordFailure() {
	if st.current.get().Fallback == nil {
		st.current.recordFailure()
	}
}

// EndFallback replaces a damaged manifest by the one in use, which is the one
// before. That gets the mark of a failed log, because the manifest that is gone
// may have had it. From then on the log may end like any other one: the caller
// has found that it was whole, and has not written to it.
func (st *Store) EndFallback() error {
	if st.current.get().Fallback == nil {
		return nil
	}
	return st.current.commit(func(m *manifest.Manifest) { m.Fallback, m.Failed = nil, true })
}

func (c *current) logFailed() {
	c.mu.Lock()
	c.mu.failed = true
	c.mu.Unlock()
	for pause := recordPause; !c.recordFailure(); pause = min(2*pause, recordPauseMax) {
		if !c.retry {
			return
		}
		select {
		case <-time.After(pause):
		case <-c.closed:
			return
		}
	}
}

// hasFailed reports whether the log has failed since the start.
func (c *current) hasFailed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.failed
}

// failureUnrecorded reports whether the last attempt to record a failure of the
// log did not succeed.
func (c *current) failureUnrecorded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.unrecorded
}

// recordFailure makes durable that the log cannot be trusted, unless the
// directory has been given up. It returns false if the caller should try again.
func (c *current) recordFailure() bool {
	c.write.Lock()
	defer c.write.Unlock()
	if c.isClosed() {
		return true
	}
	c.mu.Lock()
	c.mu.manifest.Failed = true
	c.mu.Unlock()
	err := c.reserve.WriteManifest(c.get())
	c.mu.Lock()
	c.mu.unrecorded = err != nil
	c.mu.Unlock()
	if err != nil {
		c.log.Warn().Err(err).Msg("the log has failed, and that could not be written to the manifest; will retry")
	}
	return err == nil
}

// recordFailureAtEnd is recordFailure with retries, before the directory is
// given up.
func (c *current) recordFailureAtEnd(ctx context.Context) {
	pause := recordPause
	for n := 1; !c.recordFailure() && n < recordAttempts && c.retry; n++ {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause *= 2
	}
}
