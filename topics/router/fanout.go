package router

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// ForwardsLocked reports whether a router other than except forwards from t, which may be
// nil. The registry's lock is held.
func ForwardsLocked(t *topic.Topic, except *Router) bool {
	return t != nil && slices.ContainsFunc(Outgoing(t), func(rt *Router) bool {
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

// CheckFanout refuses a router with which a record could take more than limit paths.
// around has the routers that such a record may come by. source and dest are nil if
// they are to be made.
func CheckFanout(spec *Spec, source, dest *topic.Topic, around []*Router, limit uint64) error {
	g := GraphOf(around)
	from, to := numberOf(g, source, spec.Source), numberOf(g, dest, spec.Dest)
	g.Join(from, to)
	count := g.Counter(limit)
	for _, t := range count.Sources(from) {
		if n := count.From(t, 0); n > limit {
			return &record.Error{
				Kind: record.KindRouterFanout,
				Message: fmt.Sprintf("with the router, a record of a topic could go more than %d ways; "+
					"use fewer routers one after the other, or raise TOPICS_MAX_ROUTER_WAYS", limit),
				Detail: map[string]any{"topic": g.Name(t), "ways": n, "max": limit},
			}
		}
	}
	return nil
}
