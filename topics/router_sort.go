package topics

import (
	"context"
	"strings"

	"github.com/e6e95bb8/topics/topics/router"
)

// SortRouters returns the names of all routers that begin with one of some prefixes
// and that wanted returns true for, sorted by a key as it is now. The prefixes are
// sorted and none begins with another. It costs a look at each router.
func (rg *Routing) SortRouters(
	ctx context.Context, prefixes []string, wanted func(*router.Spec) bool, by SortKey, descending bool,
) ([]string, error) {
	var list []ranked[*router.Router]
	now := rg.shared.Steady()
	for _, prefix := range prefixes {
		for after, more := "", true; more; {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			list, after, more = rg.selectRouters(list, prefix, after)
		}
	}
	kept := list[:0]
	for _, it := range list {
		s, visible := it.it.State(now)
		if visible && wanted(&s.Spec) {
			it.key = float64(s.Lag)
			kept = append(kept, it)
		}
	}
	return sortedNames(kept, descending, by == SortName, func(rt *router.Router) string { return rt.Name }), nil
}

// selectRouters is selectTopics for routers.
func (rg *Routing) selectRouters(list []ranked[*router.Router], prefix, after string) (_ []ranked[*router.Router], last string, more bool) {
	rg.catalog.Mu.RLock()
	defer rg.catalog.Mu.RUnlock()
	n := 0
	rg.table.ByName.Ascend(max(prefix, after), func(name string, rt *router.Router) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if n == scanned {
			more = true
			return false
		}
		n++
		if name != after {
			list = append(list, ranked[*router.Router]{it: rt})
		}
		last = name
		return true
	})
	return list, last, more
}
