package topics

import (
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/topics/router"
)

// Router reports one router.
func (r *Registry) Router(name string) (router.State, error) {
	r.catalog.Mu.RLock()
	rt, _ := r.routers.ByName.Get(name)
	r.catalog.Mu.RUnlock()
	if rt != nil {
		if s, ok := rt.State(r.shared.Steady()); ok {
			return s, nil
		}
	}
	return router.State{}, router.NotFound(name)
}

// Routers returns up to limit routers with names above after that begin with
// prefix and have those ends (empty: any), sorted by name, and whether there are
// more.
func (r *Registry) Routers(prefix, source, dest, after string, limit int) (page []router.State, more bool) {
	take := func(name string, rt *router.Router) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if name == after || source != "" && rt.Source.Name != source || dest != "" && rt.Dest.Name != dest {
			return true
		}
		if s, ok := rt.State(r.shared.Steady()); ok {
			page = append(page, s)
		}
		return len(page) <= limit
	}
	if source == "" && dest == "" {
		var found []*router.Router
		r.catalog.Mu.RLock()
		r.routers.ByName.Ascend(max(prefix, after), func(name string, rt *router.Router) bool {
			if !strings.HasPrefix(name, prefix) {
				return false
			}
			found = append(found, rt)
			return len(found) < limit+3 // after, one more, and one that is just being made
		})
		r.catalog.Mu.RUnlock()
		for _, rt := range found {
			if !take(rt.Name, rt) {
				break
			}
		}
		if len(found) == limit+3 && len(page) <= limit {
			rest, _ := r.Routers(prefix, "", "", found[len(found)-1].Name, limit+1-len(page))
			page = append(page, rest...)
		}
	} else {
		for _, rt := range r.routersOf(source, dest, prefix, after) {
			if !take(rt.Name, rt) {
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
func (r *Registry) routersOf(source, dest, prefix, after string) []*router.Router {
	var list []*router.Router
	switch {
	case source != "":
		if t := r.catalog.Lookup(source); t != nil {
			list = router.Outgoing(t)
		}
	default:
		if t := r.catalog.Lookup(dest); t != nil {
			list = router.Incoming(t)
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(rt *router.Router) bool {
		return rt.Name <= after && after != "" || !strings.HasPrefix(rt.Name, prefix)
	})
	slices.SortFunc(list, func(a, b *router.Router) int { return strings.Compare(a.Name, b.Name) })
	return list
}
