package topics

import (
	"context"
	"math"

	"github.com/e6e95bb8/topics/topics/topic"
)

// syncedThrough waits until what the topic shows now is synced, if q asks for
// that, and returns the topic and its head of now: q may read so far. A ctx that
// ends only ends the wait: then there is nothing that is known to be synced.
// Ephemeral records, which are never, pass with the log before them.
func (r *Registry) syncedThrough(ctx context.Context, name string, q *topic.Query) (*topic.Topic, uint64, error) {
	if !q.Synced {
		return nil, math.MaxUint64, nil
	}
	t, err := r.open(name)
	if err != nil {
		return nil, 0, err
	}
	head, applied := t.Head, t.Applied
	t.Mu.RUnlock()
	if r.shared.Log.Synced() >= applied {
		return t, head, nil
	}
	// The wait may have to do the sync itself: it ends with that, and not with
	// this read.
	done := make(chan error, 1)
	go func() { done <- r.shared.Log.WaitSynced(applied) }()
	select {
	case err := <-done:
		return t, head, topic.LogError(err)
	case <-ctx.Done():
		return t, 0, nil
	}
}
