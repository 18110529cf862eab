package topics

import (
	"context"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// DeleteRouter ends the router; it returns when that is durable. From now on it
// forwards nothing; what it has forwarded stays.
func (r *Registry) DeleteRouter(ctx context.Context, name string) (deleted bool, cost Cost, err error) {
	for {
		if _, err := r.waitForSpace(ctx, entryOverhead, wal.Freeing|wal.Patient); err != nil {
			return false, Cost{}, logError(err)
		}
		at, err := r.assignUnroute(name)
		again, err := r.again(err)
		if again {
			continue
		}
		if err != nil || at == 0 {
			return false, Cost{}, err
		}
		began := time.Now()
		if err := r.awaitChange(at); err != nil {
			return false, Cost{}, err
		}
		return true, Cost{Sync: time.Since(began)}, nil
	}
}

// assignUnroute gives the router's end its place; 0: there is no such router.
func (r *Registry) assignUnroute(name string) (wal.LSN, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rt, _ := r.routers.byName.Get(name)
	if rt == nil {
		return 0, nil
	}
	if rt.changing > 0 {
		return 0, &behindError{rt.changing}
	}
	span, err := rt.end(r.log)
	if err != nil {
		return 0, err
	}
	rt.changing = span.End
	r.addChange(span.End, func() {
		rt.drop()
		r.routers.remove(rt, &r.totals)
		unlink(rt)
		if r.routers.cyclic {
			r.markCycles()
		}
	})
	return span.End, nil
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
	span, err := log.TryAppend(wal.Freeing, e.typ, payload, nil)
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
