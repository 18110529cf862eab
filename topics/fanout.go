package topics

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// forwardsLocked reports whether a router other than except forwards from t, which may be
// nil. r.mu is held.
func forwardsLocked(t *topic.Topic, except *router) bool {
	return t != nil && slices.ContainsFunc(outgoing(t), func(rt *router) bool {
		return rt != except && !rt.stopped()
	})
}

// numberOf returns the number in g of a topic, which is nil if it does not exist yet.
func numberOf(g *paths.Graph, t *topic.Topic, name string) int {
	if t == nil {
		return g.Fresh(name)
	}
	return g.Topic(t.ID, t.Name)
}

// checkFanout refuses a router with which a record could take too many paths. It
// returns the id that the router must get for the count to hold: any router that
// is created meanwhile takes that id, and one that is deleted adds no path. It
// returns 0 if nothing is counted, because the ends stay or there is no limit. The
// caller holds no topic's lock, so that no write waits for a count.
func (r *Registry) checkFanout(name string, spec *RouterSpec) (id uint64, err error) {
	if r.opts.MaxRouterWays == 0 {
		return 0, nil
	}
	r.routers.counting.Lock()
	defer r.routers.counting.Unlock()
	r.mu.RLock()
	old, _ := r.routers.byName.Get(name)
	if old.keepsEnds(spec) {
		r.mu.RUnlock()
		return 0, nil
	}
	id = r.routers.nextID
	err = r.checkCycleLocked(old, spec) // the reason that says more
	source, _ := r.byName.Get(spec.Source)
	dest, _ := r.byName.Get(spec.Dest)
	if err != nil || !forwardsLocked(source, old) && !forwardsLocked(dest, old) {
		r.mu.RUnlock()
		return id, err // paths that ended at the source are only longer now
	}
	routers := aroundLocked(source, dest, old)
	r.mu.RUnlock()
	g := graphOf(routers)
	from, to := numberOf(g, source, spec.Source), numberOf(g, dest, spec.Dest)
	g.Join(from, to)
	limit := uint64(r.opts.MaxRouterWays)
	count := g.Counter(limit)
	for _, t := range count.Sources(from) {
		if n := count.From(t, 0); n > limit {
			return 0, &record.Error{
				Kind: record.KindRouterFanout,
				Message: fmt.Sprintf("with the router, a record of a topic could go more than %d ways; "+
					"use fewer routers one after the other, or raise TOPICS_MAX_ROUTER_WAYS", limit),
				Detail: map[string]any{"topic": g.Name(t), "ways": n, "max": limit},
			}
		}
	}
	return id, nil
}
