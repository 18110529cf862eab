package topics

import (
	"slices"
	"strings"
)

// Router reports one router.
func (r *Registry) Router(name string) (RouterState, error) {
	r.mu.RLock()
	rt, _ := r.routers.byName.Get(name)
	r.mu.RUnlock()
	if rt != nil {
		if s, ok := rt.state(r.shared.Steady()); ok {
			return s, nil
		}
	}
	return RouterState{}, routerNotFound(name)
}

// Routers returns up to limit routers with names above after that begin with
// prefix and have those ends (empty: any), sorted by name, and whether there are
// more.
func (r *Registry) Routers(prefix, source, dest, after string, limit int) (page []RouterState, more bool) {
	take := func(name string, rt *router) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if name == after || source != "" && rt.source.Name != source || dest != "" && rt.dest.Name != dest {
			return true
		}
		if s, ok := rt.state(r.shared.Steady()); ok {
			page = append(page, s)
		}
		return len(page) <= limit
	}
	if source == "" && dest == "" {
		var found []*router
		r.mu.RLock()
		r.routers.byName.Ascend(max(prefix, after), func(name string, rt *router) bool {
			if !strings.HasPrefix(name, prefix) {
				return false
			}
			found = append(found, rt)
			return len(found) < limit+3 // after, one more, and one that is just being made
		})
		r.mu.RUnlock()
		for _, rt := range found {
			if !take(rt.name, rt) {
				break
			}
		}
		if len(found) == limit+3 && len(page) <= limit {
			rest, _ := r.Routers(prefix, "", "", found[len(found)-1].name, limit+1-len(page))
			page = append(page, rest...)
		}
	} else {
		for _, rt := range r.routersOf(source, dest, prefix, after) {
			if !take(rt.name, rt) {
				break
			}
		}
	}
	if more = len(page) > limit; more {
		page = page[:limit]
	}
	return page, more
}

// routersOf returns the routers of one topic, sorted by name, that come into
// question.
func (r *Registry) routersOf(source, dest, prefix, after string) []*router {
	var list []*router
	switch {
	case source != "":
		if t := r.lookup(source); t != nil {
			list = outgoing(t)
		}
	default:
		if t := r.lookup(dest); t != nil {
			list = incoming(t)
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(rt *router) bool {
		return rt.name <= after && after != "" || !strings.HasPrefix(rt.name, prefix)
	})
	slices.SortFunc(list, func(a, b *router) int { return strings.Compare(a.name, b.name) })
	return list
}
