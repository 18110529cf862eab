package router

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/paths"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// CheckCycleLocked refuses a router that replaces old and closes a cycle without allowing
// it. dest is nil if it is to be made. The registry's lock is held.
func CheckCycleLocked(dest *topic.Topic, old *Router, spec *Spec) error {
	if spec.AllowCycle {
		return nil
	}
	path := PathTo(dest, spec.Source, old)
	if path == nil {
		return nil
	}
	return &record.Error{
		Kind:    record.KindRouterCycle,
		Message: fmt.Sprintf("the router would close a cycle of %d topics; allow_cycle allows it", len(path)),
		Detail:  map[string]any{"cycle": append([]string{spec.Source}, path...)},
	}
}

// PathTo returns the names of the topics on a shortest path from t to target along
// routers other than except, or nil if there is none.
func PathTo(t *topic.Topic, target string, except *Router) []string {
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
		for _, rt := range Outgoing(at) {
			if _, seen := from[rt.Dest]; !seen && rt != except && !rt.stopped() {
				from[rt.Dest] = at
				next = append(next, rt.Dest)
			}
		}
	}
	return nil
}

// ExtendPath returns the path of a record that the router forwards, or false if it may
// not forward it.
func (rt *Router) ExtendPath(path []byte) ([]byte, bool) {
	extended, ok := paths.Extend(path, rt.Source.ID, rt.Dest.ID)
	return extended, ok && !(rt.Cyclic.Load() && paths.Hops(path) >= paths.MaxHops)
}

// GraphOf returns the graph of some routers. It needs no lock: the ends of a router
// never change.
func GraphOf(routers []*Router) *paths.Graph {
	g := paths.NewGraph()
	for _, rt := range routers {
		g.Join(g.Topic(rt.Source.ID, rt.Source.Name), g.Topic(rt.Dest.ID, rt.Dest.Name))
	}
	return g
}

// AroundLocked returns the routers that may forward a record which passes through source
// or dest, including those that are not durable yet, without except. Either topic may
// be nil. The registry's lock is held.
func AroundLocked(source, dest *topic.Topic, except *Router) (list []*Router) {
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
		for _, rt := range Incoming(topics[i]) {
			if rt != except && !rt.stopped() {
				see(rt.Source)
			}
		}
	}
	see(dest)
	for i := 0; i < len(topics); i++ {
		for _, rt := range Outgoing(topics[i]) {
			if rt != except && !rt.stopped() {
				see(rt.Dest)
				list = append(list, rt)
			}
		}
	}
	return list
}
