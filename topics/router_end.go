package topics

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// DeleteRouter ends the router; it returns when that is durable. What it has
// forwarded stays.
func (r *Registry) DeleteRouter(ctx context.Context, name string) (deleted bool, cost Cost, err error) {
	var span wal.Span
	for {
		if _, err := r.log.Admit(ctx, entryOverhead, true, true); err != nil {
			return false, Cost{}, logError(err)
		}
		deleted, span, err = r.unroute(name)
		if !errors.Is(err, wal.ErrBusy) {
			break
		}
	}
	if err != nil || !deleted {
		return false, Cost{}, err
	}
	began := time.Now()
	if err := r.log.WaitSynced(span.End); err != nil {
		return false, Cost{}, logError(err)
	}
	return true, Cost{Sync: time.Since(began)}, nil
}

func (r *Registry) unroute(name string) (bool, wal.Span, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rt, _ := r.routers.byName.Get(name)
	if rt == nil {
		return false, wal.Span{}, nil
	}
	span, err := rt.end(r.log)
	if err != nil {
		return false, wal.Span{}, err
	}
	r.routers.remove(rt, &r.totals)
	unlink(rt)
	if r.routers.cyclic {
		r.markCycles()
	}
	return true, span, nil
}

// end logs the router's end. Nothing is forwarded behind it: the lock is held.
func (rt *router) end(log *wal.Log) (wal.Span, error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	e := entry{typ: entryUnroute, router: rt.id}
	payload, err := e.encode(nil)
	if err != nil {
		return wal.Span{}, err
	}
	span, err := log.Append(e.typ, payload, nil, true)
	if err != nil {
		return wal.Span{}, logError(err)
	}
	rt.dropped = true
	rt.notify()
	return span, nil
}

// cascade ends the routers of a topic that is deleted, and returns their names.
// r.mu is held, or this is replay.
func (r *Registry) cascade(t *topic) []string {
	var names []string
	l := t.linked()
	all := slices.Concat(l.out, l.in)
	if len(all) == 0 {
		return nil
	}
	unlink(all...)
	for _, rt := range all {
		rt.drop()
		r.routers.remove(rt, &r.totals)
		delete(r.routers.byID, rt.id)
		names = append(names, rt.name)
	}
	if r.routers.cyclic {
		r.markCycles()
	}
	slices.Sort(names)
	return names
}
