package topics

import (
	"context"
	"slices"

	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// DeleteRouter ends the router; it returns when that is durable. From now on it
// forwards nothing; what it has forwarded stays.
func (r *Registry) DeleteRouter(ctx context.Context, name string) (deleted bool, cost topic.Cost, err error) {
	var at wal.LSN
	_, err = r.shared.Propose(ctx, topic.Needing(topic.EntryOverhead, wal.Freeing|wal.Patient), func(s *topic.Slot) error {
		var err error
		at, err = r.assignUnroute(s, name)
		return err
	})
	if err != nil || at == 0 {
		return false, topic.Cost{}, err
	}
	cost, err = r.finishChange(at)
	return err == nil, cost, err
}

// assignUnroute gives the router's end its place. It returns 0 if there is no such
// router.
func (r *Registry) assignUnroute(s *topic.Slot, name string) (wal.LSN, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rt, _ := r.routers.byName.Get(name)
	if rt == nil {
		return 0, nil
	}
	if rt.changing > 0 {
		return 0, &topic.UnderWayError{At: rt.changing}
	}
	span, err := rt.endLocked(s, r.shared.Now())
	if err != nil {
		return 0, err
	}
	rt.changing = span.End
	r.changes.add(span.End, func() {
		rt.drop()
		r.routers.remove(rt, &r.shared.Counters)
		unlink(rt)
		if r.routers.cyclic {
			r.routers.markCycles()
		}
	})
	return span.End, nil
}

// cascadeLocked ends the routers of a topic that is deleted, and returns their names.
// r.mu is held, or this is replay.
func (r *Registry) cascadeLocked(t *topic.Topic) []string {
	var names []string
	l := linked(t)
	all := slices.Concat(l.out, l.in)
	if len(all) == 0 {
		return nil
	}
	unlink(all...)
	for _, rt := range all {
		rt.drop()
		r.routers.remove(rt, &r.shared.Counters)
		delete(r.routers.byID, rt.id)
		names = append(names, rt.name)
	}
	if r.routers.cyclic {
		r.routers.markCycles()
	}
	slices.Sort(names)
	return names
}
