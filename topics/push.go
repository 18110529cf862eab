package topics

// push has what comes of a change of t delivered.
func (r *Registry) push(t *topic) { r.route(t) }

// pushLocked is push with t.mu held, and has those look again who wait for
// room in t.
func (r *Registry) pushLocked(t *topic) {
	if t.routes == nil {
		return
	}
	if len(t.routes.out) > 0 {
		r.routeFrom(t, t.routes)
	}
	for _, rt := range t.routes.in {
		rt.mu.Lock()
		waits := rt.blocked != ""
		rt.mu.Unlock()
		if waits {
			r.routeFrom(rt.source, rt.from)
		}
	}
}
