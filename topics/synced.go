package topics

import (
	"context"
	"math"
)

// syncedThrough waits until what the topic shows now is synced, if q asks for
// that, and returns the topic and its head of now: q may read so far. A ctx that
// ends only ends the wait: then there is nothing that is known to be synced.
// Ephemeral records, which are never, pass with the log before them.
func (r *Registry) syncedThrough(ctx context.Context, name string, q *Query) (*topic, uint64, error) {
	if !q.Synced {
		return nil, math.MaxUint64, nil
	}
	t, err := r.open(name)
	if err != nil {
		return nil, 0, err
	}
	head, applied := t.head, t.applied
	t.mu.RUnlock()
	if r.shared.log.Synced() >= applied {
		return t, head, nil
	}
	// The wait may have to do the sync itself: it ends with that, and not with
	// this read.
	done := make(chan error, 1)
	go func() { done <- r.shared.log.WaitSynced(applied) }()
	select {
	case err := <-done:
		return t, head, logError(err)
	case <-ctx.Done():
		return t, 0, nil
	}
}
