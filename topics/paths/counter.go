package paths

import (
	"cmp"
	"slices"
)

// # Counting paths
//
// A record is forwarded by every router of its topic, so its copies multiply where
// paths part: fourteen layers of two topics make 8,192 copies of one record. A
// counted path leads from a topic to where no router takes the record further:
// where there is none, or where in a cycle all lead to topics that it has been in,
// or where it has been forwarded MaxHops times. A chain of any length is one path.

// maxSteps bounds the number of edges that one count visits, in addition to
// stepsPerEdge for each edge of the graph. Only cycles within cycles need more; the
// count is then taken to exceed its limit.
const (
	maxSteps     = 1 << 20
	stepsPerEdge = 2 * MaxHops
)

// counter counts the paths through a graph.
type counter struct {
	g      *Graph
	groups []int
	cyclic []bool // of each group: whether it leads to one with a cycle
	limit  uint64 // larger counts become limit+1
	steps  int    // number of edges that may still be visited
	on     []bool // topics of the current group that the path has been in
	known  map[arrival]uint64
}

// arrival is a topic that a record reaches as the first of its group, after a number
// of hops up to MaxHops.
type arrival struct{ topic, hops int }

// Counter returns a counter for g, which must not change afterwards.
func (g *Graph) Counter(limit uint64) *counter {
	c := &counter{g: g, groups: g.Groups(), limit: limit, on: make([]bool, len(g.names)), known: map[arrival]uint64{}}
	c.steps = maxSteps + stepsPerEdge*len(g.at)
	c.cyclic = make([]bool, len(g.names)+1)
	// A group has a higher number than the groups that it leads to.
	order := make([]int, len(g.names))
	for t := range order {
		order[t] = t
	}
	slices.SortFunc(order, func(a, b int) int { return c.groups[a] - c.groups[b] })
	for _, t := range order {
		out, of := g.out[t], c.groups[t]
		// Edges that leave the group come first.
		slices.SortFunc(out, func(a, b edge) int { return cmp.Or(c.groups[a.to]-c.groups[b.to], a.to-b.to) })
		for _, e := range out {
			c.cyclic[of] = c.cyclic[of] || c.groups[e.to] == of || c.cyclic[c.groups[e.to]]
		}
	}
	return c
}

// From returns the number of paths from a topic, for a record that has been forwarded
// hops times.
func (c *counter) From(t, hops int) uint64 {
	a := arrival{t, min(hops, MaxHops)}
	if !c.cyclic[c.groups[t]] {
		a.hops = 0 // they make no difference
	}
	n, known := c.known[a]
	if !known {
		n = c.through(a.topic, a.hops)
		c.known[a] = n
	}
	return n
}

// through returns the number of paths from t, for a record that has been in the topics
// of its group that are marked in on.
func (c *counter) through(t, hops int) (n uint64) {
	c.on[t] = true
	defer func() { c.on[t] = false }()
	end := true
	for _, e := range c.g.out[t] {
		if c.steps--; c.steps < 0 {
			return c.limit + 1
		}
		var on uint64
		switch {
		case c.groups[t] != c.groups[e.to]:
			on = c.From(e.to, hops+1)
		case hops >= MaxHops:
			if end {
				return 1
			}
			return n // the remaining edges stay in the group
		case c.on[e.to]:
			continue
		default:
			on = c.through(e.to, hops+1)
		}
		end = false
		if on > c.limit || e.routers > c.limit || n+e.routers*on > c.limit {
			return c.limit + 1
		}
		n += e.routers * on
	}
	if end {
		return 1
	}
	return n
}

// Sources returns t and the topics from which a record may reach it.
func (c *counter) Sources(t int) []int {
	in := make([][]int, len(c.g.names))
	for from, out := range c.g.out {
		for _, e := range out {
			in[e.to] = append(in[e.to], from)
		}
	}
	// The fewest hops inside its group, for each topic found.
	inside := map[int]int{t: 0}
	list := []int{t}
	for next := []int{t}; len(next) > 0; next = next[1:] {
		at := next[0]
		for _, from := range in[at] {
			hops := 0
			if c.groups[from] == c.groups[at] {
				hops = inside[at] + 1
			}
			before, known := inside[from]
			if hops > MaxHops || known && before <= hops {
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
