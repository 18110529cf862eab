package topics

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/topics/record"
)

// # Ways
//
// A record goes on by every router of its topic, so its copies multiply where
// ways part: fourteen layers of two topics make 8,192 of one record. A way is
// one that a record can take from its topic to where no router takes it further:
// where none leads on, or where in a cycle each leads to a topic that it has
// been in, or it has come maxHops far. A chain of any length is one way.

// maxWaySteps bounds how many edges one count looks at, beside stepsPerEdge for
// each that there is. Only cycles within cycles take more; then there are taken
// to be too many ways.
const (
	maxWaySteps  = 1 << 20
	stepsPerEdge = 2 * maxHops
)

// ways counts the ways through a graph.
type ways struct {
	g      *graph
	groups []int
	cyclic []bool // of each group: one with a cycle is reached from it
	most   uint64 // more than that are most+1
	steps  int    // edges that it may still look at
	on     []bool // the topics of the present one's group that the way has been in
	known  map[arrival]uint64
}

// arrival is a topic that a record comes to in so many hops, maxHops for that
// and more, and that is the first of its group.
type arrival struct{ topic, hops int }

// ways begins a count in g, which gets no more routers.
func (g *graph) ways(most uint64) *ways {
	w := &ways{g: g, groups: g.groups(), most: most, on: make([]bool, len(g.names)), known: map[arrival]uint64{}}
	w.steps = maxWaySteps + stepsPerEdge*len(g.at)
	w.cyclic = make([]bool, len(g.names)+1)
	// A group's number is higher than those of the groups that it leads to.
	order := make([]int, len(g.names))
	for t := range order {
		order[t] = t
	}
	slices.SortFunc(order, func(a, b int) int { return w.groups[a] - w.groups[b] })
	for _, t := range order {
		out, of := g.out[t], w.groups[t]
		// Those that leave the group come first.
		slices.SortFunc(out, func(a, b edge) int { return cmp.Or(w.groups[a.to]-w.groups[b.to], a.to-b.to) })
		for _, e := range out {
			w.cyclic[of] = w.cyclic[of] || w.groups[e.to] == of || w.cyclic[w.groups[e.to]]
		}
	}
	return w
}

// from is how many ways there are on from an arrival.
func (w *ways) from(t, hops int) uint64 {
	a := arrival{t, min(hops, maxHops)}
	if !w.cyclic[w.groups[t]] {
		a.hops = 0 // they do not count
	}
	n, known := w.known[a]
	if !known {
		n = w.through(a.topic, a.hops)
		w.known[a] = n
	}
	return n
}

// through is how many ways there are on from t, for a record that has been in
// the topics of its group that are marked.
func (w *ways) through(t, hops int) (n uint64) {
	w.on[t] = true
	defer func() { w.on[t] = false }()
	end := true
	for _, e := range w.g.out[t] {
		if w.steps--; w.steps < 0 {
			return w.most + 1
		}
		var on uint64
		switch {
		case w.groups[t] != w.groups[e.to]:
			on = w.from(e.to, hops+1)
		case hops >= maxHops:
			if end {
				return 1
			}
			return n // and the rest is inside, too
		case w.on[e.to]:
			continue
		default:
			on = w.through(e.to, hops+1)
		}
		end = false
		if on > w.most || e.routers > w.most || n+e.routers*on > w.most {
			return w.most + 1
		}
		n += e.routers * on
	}
	if end {
		return 1
	}
	return n
}

// behind returns the topics from which a record may come to t, t first.
func (w *ways) behind(t int) []int {
	in := make([][]int, len(w.g.names))
	for from, out := range w.g.out {
		for _, e := range out {
			in[e.to] = append(in[e.to], from)
		}
	}
	// Of each, the hops inside its group on the way that takes fewest of them.
	inside := map[int]int{t: 0}
	list := []int{t}
	for next := []int{t}; len(next) > 0; next = next[1:] {
		at := next[0]
		for _, from := range in[at] {
			hops := 0
			if w.groups[from] == w.groups[at] {
				hops = inside[at] + 1
			}
			before, known := inside[from]
			if hops > maxHops || known && before <= hops {
				continue
			}
			if inside[from] = hops; !known {
				list = append(list, from)
			}
			next = append(next, from)
		}
	}
	return list
}

// forwards reports whether a router leads on from t, but for one. t may be nil. The
// registry's lock is held.
func (t *topic) forwards(except *router) bool {
	return t != nil && slices.ContainsFunc(t.outgoing(), func(rt *router) bool {
		return rt != except && !rt.stopped()
	})
}

// end is a topic that a router is to have at one of its ends; nil: it is not
// there yet.
func (g *graph) end(t *topic, name string) int {
	if t == nil {
		return g.fresh(name)
	}
	return g.topic(t)
}

// checkWays refuses a router with which a record could take too many ways. It
// returns the id that the router must get for its count to hold: whatever is
// made meanwhile takes it, and fewer routers make no more ways. 0: it is not
// counted, since its ends stay, or there is no limit. No lock of a topic is
// held, so that none waits for a count, nor a count for one.
func (r *Registry) checkWays(name string, spec *RouterSpec) (id uint64, err error) {
	if r.opts.MaxRouterWays == 0 {
		return 0, nil
	}
	r.routers.counting.Lock()
	defer r.routers.counting.Unlock()
	r.mu.RLock()
	old, _ := r.routers.byName.Get(name)
	if old.keepsEnds(spec) {
		r.mu.RUnlock()
		return 0, nil
	}
	id = r.routers.nextID
	err = r.checkCycle(old, spec) // the reason that says more
	source, _ := r.byName.Get(spec.Source)
	dest, _ := r.byName.Get(spec.Dest)
	if err != nil || !source.forwards(old) && !dest.forwards(old) {
		r.mu.RUnlock()
		return id, err // the ways that end at the source go on
	}
	routers := around(source, dest, old)
	r.mu.RUnlock()
	g := graphOf(routers)
	from, to := g.end(source, spec.Source), g.end(dest, spec.Dest)
	g.join(from, to)
	w := g.ways(uint64(r.opts.MaxRouterWays))
	for _, t := range w.behind(from) {
		if n := w.from(t, 0); n > w.most {
			return 0, &record.Error{
				Kind: record.KindRouterFanout,
				Message: fmt.Sprintf("with the router, a record of a topic could go more than %d ways; "+
					"use fewer routers one after the other, or raise TOPICS_MAX_ROUTER_WAYS", w.most),
				Detail: map[string]any{"topic": g.names[t], "ways": n, "max": w.most},
			}
		}
	}
	return id, nil
}
