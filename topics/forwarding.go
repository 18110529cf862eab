package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/router"
)

// Forward does what the background would: it forwards until every router is at
// its source's head, or waits. Only without RunSweeper.
func (r *Registry) Forward(ctx context.Context) {
	r.routeAll()
	for ctx.Err() == nil {
		r.Deliver()
		due := r.forwarders.TakeDue()
		if len(due) == 0 {
			return
		}
		for _, t := range due {
			for !r.forwarders.ForwardFrom(ctx, t) && ctx.Err() == nil {
			}
		}
	}
}

// routeAll has every router look whether there is something to forward.
func (r *Registry) routeAll() {
	r.catalog.Mu.RLock()
	defer r.catalog.Mu.RUnlock()
	r.routers.ByName.Scan(func(_ string, rt *router.Router) bool {
		r.deliveries.push(rt.Source)
		return true
	})
}

// Stuck returns the number of routers that have been blocked since before a time (Unix ms).
// Why each of them does is in its state.
func (r *Registry) Stuck(before int64) int { return r.forwarders.Stuck(before) }

// logCursors logs the cursors of routers that had nothing to forward of late. A
// source that evicts what they passed over would otherwise count as one that lost
// it, if the next start came after that.
func (r *Registry) logCursors() {
	r.catalog.Mu.RLock()
	defer r.catalog.Mu.RUnlock()
	r.routers.ByName.Scan(func(_ string, rt *router.Router) bool {
		r.forwarders.LogCursor(rt)
		return true
	})
}
