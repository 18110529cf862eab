package topics

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/record"
)

// checkCycle refuses a router, in the place of old, that closes a cycle it does
// not allow. r.mu is held.
func (r *Registry) checkCycle(old *router, spec *RouterSpec) error {
	if spec.AllowCycle {
		return nil
	}
	dest, _ := r.byName.Get(spec.Dest)
	way := r.way(dest, spec.Source, old)
	if way == nil {
		return nil
	}
	return &record.Error{
		Kind:    record.KindRouterCycle,
		Message: fmt.Sprintf("the router would close a cycle of %d topics; allow_cycle allows it", len(way)),
		Detail:  map[string]any{"cycle": append([]string{spec.Source}, way...)},
	}
}

// way is the names of the topics on a shortest way along routers, but for one,
// from t to the one called target; nil: there is none.
func (r *Registry) way(t *topic, target string, except *router) []string {
	if t == nil {
		return nil
	}
	from := map[*topic]*topic{t: nil}
	for next := []*topic{t}; len(next) > 0; next = next[1:] {
		at := next[0]
		if at.name == target {
			var names []string
			for ; at != nil; at = from[at] {
				names = append(names, at.name)
			}
			slices.Reverse(names)
			return names
		}
		for _, rt := range at.outgoing() {
			if _, seen := from[rt.dest]; !seen && rt != except && !rt.stopped() {
				from[rt.dest] = at
				next = append(next, rt.dest)
			}
		}
	}
	return nil
}

// markCycles notes which routers are part of a cycle: there records go no
// further than maxHops. It is called after each change that may have closed a
// cycle, or opened one, and takes a step for each router. r.mu is held.
func (r *Registry) markCycles() {
	g := graphOf(r.forwarding())
	groups := g.groups()
	r.routers.cyclic = false
	r.routers.byName.Scan(func(_ string, rt *router) bool {
		if rt.stopped() {
			return true
		}
		in := groups[g.number[rt.source]] == groups[g.number[rt.dest]]
		rt.cyclic.Store(in)
		r.routers.cyclic = r.routers.cyclic || in
		return true
	})
}

// onward is the way of a record that the router forwards. false: it may not.
func (rt *router) onward(path []byte) ([]byte, bool) {
	way, ok := onward(path, rt.source.id, rt.dest.id)
	return way, ok && !(rt.cyclic.Load() && hops(path) >= maxHops)
}
