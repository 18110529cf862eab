package topics

import (
	"fmt"
	"slices"
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
	return &Error{
		Kind:    KindRouterCycle,
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
		if at.routes == nil {
			continue
		}
		for _, rt := range at.routes.out {
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
	m := marking{of: map[*topic]*place{}}
	r.routers.byName.Scan(func(_ string, rt *router) bool {
		m.visit(rt.source)
		return true
	})
	r.routers.cyclic = false
	r.routers.byName.Scan(func(_ string, rt *router) bool {
		in := m.of[rt.source].group == m.of[rt.dest].group
		rt.cyclic.Store(in)
		r.routers.cyclic = r.routers.cyclic || in
		return true
	})
}

// marking finds the groups of topics of which each leads to each other, by
// Tarjan's algorithm, without recursion: a chain of routers may be long.
type marking struct {
	of     map[*topic]*place
	way    []*place // from where visit began to where it is
	open   []*place // visited, and in no group yet
	groups int
}

// place is a topic in a marking.
type place struct {
	topic      *topic
	next       int // the first router from it that is still to be followed
	order, low int // when it was visited; the first open one that it is known to lead to
	group      int // 0: not known yet
}

func (m *marking) enter(t *topic) {
	n := len(m.of) + 1
	p := &place{topic: t, order: n, low: n}
	m.of[t] = p
	m.way, m.open = append(m.way, p), append(m.open, p)
}

// visit finds the groups of all topics that routers lead to from t.
func (m *marking) visit(t *topic) {
	if m.of[t] != nil {
		return
	}
	m.enter(t)
	for len(m.way) > 0 {
		p := m.way[len(m.way)-1]
		if out := p.topic.routes.out; p.next < len(out) {
			far := out[p.next].dest
			p.next++
			if q := m.of[far]; q == nil {
				m.enter(far)
			} else if q.group == 0 {
				p.low = min(p.low, q.order)
			}
			continue
		}
		if m.way = m.way[:len(m.way)-1]; len(m.way) > 0 {
			before := m.way[len(m.way)-1]
			before.low = min(before.low, p.low)
		}
		if p.low == p.order { // nothing behind it leads to before it
			m.groups++
			for p.group == 0 {
				last := len(m.open) - 1
				m.open[last].group = m.groups
				m.open = m.open[:last]
			}
		}
	}
}

// onward is the way of a record that the router forwards. false: it may not.
func (rt *router) onward(path []byte) ([]byte, bool) {
	way, ok := onward(path, rt.source.id, rt.dest.id)
	return way, ok && !(rt.cyclic.Load() && hops(path) >= maxHops)
}
