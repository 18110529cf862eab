package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// DeleteRouter ends the router; it returns when that is durable. From now on it
// forwards nothing; what it has forwarded stays.
func (rg *Routing) DeleteRouter(ctx context.Context, name string) (deleted bool, cost topic.Cost, err error) {
	var at wal.LSN
	_, err = rg.shared.Propose(ctx, topic.Needing(topic.EntryOverhead, wal.Freeing|wal.Patient), func(s *topic.Slot) error {
		var err error
		at, err = rg.assignUnroute(s, name)
		return err
	})
	if err != nil || at == 0 {
		return false, topic.Cost{}, err
	}
	cost, err = rg.changes.Finish(at)
	return err == nil, cost, err
}

// assignUnroute gives the router's end its place. It returns 0 if there is no such
// router.
func (rg *Routing) assignUnroute(s *topic.Slot, name string) (wal.LSN, error) {
	rg.catalog.Mu.Lock()
	defer rg.catalog.Mu.Unlock()
	rt, _ := rg.table.ByName.Get(name)
	if rt == nil {
		return 0, nil
	}
	if rt.Changing > 0 {
		return 0, &topic.UnderWayError{At: rt.Changing}
	}
	span, err := rt.EndLocked(s, rg.shared.Now())
	if err != nil {
		return 0, err
	}
	rt.Changing = span.End
	rg.changes.AddLocked(span.End, func() {
		rt.Drop()
		rg.table.Remove(rt, &rg.shared.Counters)
		router.Unlink(rt)
		if rg.table.Cyclic {
			rg.table.MarkCycles()
		}
	})
	return span.End, nil
}
