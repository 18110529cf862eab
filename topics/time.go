package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/topic"
)

// Before returns the seq after which a reader of a topic gets all records with a
// timestamp of ts (Unix ms) or later, and no earlier one. It costs a search of the index, and at most
// one page of a segment's.
func (r *Registry) Before(ctx context.Context, name string, ts int64) (uint64, error) {
	for tries := 0; ; tries++ {
		t, err := r.open(name)
		if err != nil {
			return 0, err
		}
		seq, inside := t.BeforeLocked(ts)
		t.Mu.RUnlock()
		if inside == nil {
			return seq, nil
		}
		seq, err = inside.Before(ctx, ts)
		switch {
		case err == nil:
			return seq, nil
		case r.shared.Outdated(err) && tries < topic.MaxTries: // it was compacted
			continue
		}
		err = topic.LogError(err)
		r.shared.Counters.RecordDamage(err)
		return 0, err
	}
}
