package topics

import (
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/topics/router"
)

// Router reports one router.
func (rg *Routing) Router(name string) (router.State, error) {
	rg.catalog.Mu.RLock()
	rt, _ := rg.table.ByName.Get(name)
	rg.catalog.Mu.RUnlock()
	if rt != nil {
		if s, ok := rt.State(rg.shared.Steady()); ok {
			return s, nil
		}
	}
	return router.State{}, router.NotFound(name)
}

// Routers returns up to limit routers with names above after that begin with
// prefix and have those ends (empty: any), sorted by name, and whether there are
// more.
func (rg *Routing) Routers(prefix, source, dest, after string, limit int) (page []router.State, more bool) {
	take := func(name string, rt *router.Router) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if name == after || source != "" && rt.Source.Name != source || dest != "" && rt.Dest.Name != dest {
			return true
		}
		if s, ok := rt.State(rg.shared.Steady()); ok {
			page = append(page, s)
		}
		return len(page) <= limit
	}
	if source == "" && dest == "" {
		var found []*router.Router
		rg.catalog.Mu.RLock()
		rg.table.ByName.Ascend(max(prefix, after), func(name string, rt *router.Router) bool {
			if !strings.HasPrefix(name, prefix) {
				return false
			}
			found = append(found, rt)
			return len(found) < limit+3 // after, one more, and one that is just being made
		})
		rg.catalog.Mu.RUnlock()
		for _, rt := range found {
			if !take(rt.Name, rt) {
				break
			}
		}
		if len(found) == limit+3 && len(page) <= limit {
			rest, _ := rg.Routers(prefix, "", "", found[len(found)-1].Name, limit+1-len(page))
			page = append(page, rest...)
		}
	} else {
		for _, rt := range rg.routersOf(source, dest, prefix, after) {
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
func (rg *Routing) routersOf(source, dest, prefix, after string) []*router.Router {
	var list []*router.Router
	switch {
	case source != "":
		if t := rg.catalog.Lookup(source); t != nil {
			list = router.Outgoing(t)
		}
	default:
		if t := rg.catalog.Lookup(dest); t != nil {
			list = router.Incoming(t)
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(rt *router.Router) bool {
		return rt.Name <= after && after != "" || !strings.HasPrefix(rt.Name, prefix)
	})
	slices.SortFunc(list, func(a, b *router.Router) int { return strings.Compare(a.Name, b.Name) })
	return list
}
