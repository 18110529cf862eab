package recovery

import (
	"context"
	"slices"

	"github.com/e6e95bb8/topics/topics/segment"
)

// claim waits until nobody else works on the segment, and keeps others from it
// until unclaim. It is false if the segment has been replaced meanwhile.
func (r *Recovered) claim(ctx context.Context, s *segment.Segment) (bool, error) {
	for {
		r.mu.Lock()
		done, busy := r.claimed[s]
		has := slices.Contains(r.segments, s)
		if has && !busy {
			r.claimed[s] = make(chan struct{})
		}
		r.mu.Unlock()
		if !has || !busy {
			return has, nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// claimAll claims segments at one place that nobody works on; false: one is
// taken, or has been moved.
func (r *Recovered) claimAll(segs []*segment.Segment, at place) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range segs {
		if _, busy := r.claimed[s]; busy || place(s.Cold()) != at {
			return false
		}
	}
	for _, s := range segs {
		r.claimed[s] = make(chan struct{})
	}
	return true
}

func (r *Recovered) unclaim(segs ...*segment.Segment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range segs {
		close(r.claimed[s])
		delete(r.claimed, s)
	}
}
