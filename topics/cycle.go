package topics

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// checkCycleLocked refuses a router that replaces old and closes a cycle without allowing
// it. dest is nil if it is to be made. The registry's lock is held.
func checkCycleLocked(dest *topic.Topic, old *router, spec *RouterSpec) error {
	if spec.AllowCycle {
		return nil
	}
	path := pathTo(dest, spec.Source, old)
	if path == nil {
		return nil
	}
	return &record.Error{
		Kind:    record.KindRouterCycle,
		Message: fmt.Sprintf("the router would close a cycle of %d topics; allow_cycle allows it", len(path)),
		Detail:  map[string]any{"cycle": append([]string{spec.Source}, path...)},
	}
}

// pathTo returns the names of the topics on a shortest path from t to target along
// routers other than except, or nil if there is none.
func pathTo(t *topic.Topic, target string, except *router) []string {
	if t == nil {
		return nil
	}
	from := map[*topic.Topic]*topic.Topic{t: nil}
	for next := []*topic.Topic{t}; len(next) > 0; next = next[1:] {
		at := next[0]
		if at.Name == target {
			var names []string
			for ; at != nil; at = from[at] {
				names = append(names, at.Name)
			}
			slices.Reverse(names)
			return names
		}
		for _, rt := range outgoing(at) {
			if _, seen := from[rt.dest]; !seen && rt != except && !rt.stopped() {
				from[rt.dest] = at
				next = append(next, rt.dest)
			}
		}
	}
	return nil
}

// extendPath returns the path of a record that the router forwards, or false if it may
// not forward it.
func (rt *router) extendPath(path []byte) ([]byte, bool) {
	extended, ok := paths.Extend(path, rt.source.ID, rt.dest.ID)
	return extended, ok && !(rt.cyclic.Load() && paths.Hops(path) >= paths.MaxHops)
}

// graphOf returns the graph of some routers. It needs no lock: the ends of a router
// never change.
func graphOf(routers []*router) *paths.Graph {
	g := paths.NewGraph()
	for _, rt := range routers {
		g.Join(g.Topic(rt.source.ID, rt.source.Name), g.Topic(rt.dest.ID, rt.dest.Name))
	}
	return g
}

// aroundLocked returns the routers that may forward a record which passes through source
// or dest, including those that are not durable yet, without except. Either topic may
// be nil. The registry's lock is held.
func aroundLocked(source, dest *topic.Topic, except *router) (list []*router) {
	seen := map[*topic.Topic]bool{}
	var topics []*topic.Topic
	see := func(t *topic.Topic) {
		if t != nil && !seen[t] {
			seen[t] = true
			topics = append(topics, t)
		}
	}
	see(source)
	for i := 0; i < len(topics); i++ {
		for _, rt := range incoming(topics[i]) {
			if rt != except && !rt.stopped() {
				see(rt.source)
			}
		}
	}
	see(dest)
	for i := 0; i < len(topics); i++ {
		for _, rt := range outgoing(topics[i]) {
			if rt != except && !rt.stopped() {
				see(rt.dest)
				list = append(list, rt)
			}
		}
	}
	return list
}
