package topics

// graph is which topics routers lead from and to, at one moment. Topics are
// numbers.
type graph struct {
	names  []string // of the topics
	number map[*topic]int
	out    [][]edge       // of each topic
	at     map[[2]int]int // where in out an edge is
}

// edge is all routers from a topic to another one.
type edge struct {
	to      int
	routers uint64
}

func newGraph() *graph { return &graph{number: map[*topic]int{}, at: map[[2]int]int{}} }

// graphOf returns the graph of some routers, whose ends never change: no lock is
// needed.
func graphOf(routers []*router) *graph {
	g := newGraph()
	for _, rt := range routers {
		g.join(g.topic(rt.source), g.topic(rt.dest))
	}
	return g
}

// forwarding returns all routers that forward. r.mu is held.
func (r *Registry) forwarding() (list []*router) {
	r.routers.byName.Scan(func(_ string, rt *router) bool {
		if !rt.stopped() {
			list = append(list, rt)
		}
		return true
	})
	return list
}

// around returns the routers that a record can take which comes from source, or
// to it, or to dest, those included that are not durable yet. Both may be nil.
// except is not among them. The registry's lock is held.
func around(source, dest *topic, except *router) (list []*router) {
	seen := map[*topic]bool{}
	var topics []*topic
	see := func(t *topic) {
		if t != nil && !seen[t] {
			seen[t] = true
			topics = append(topics, t)
		}
	}
	see(source)
	for i := 0; i < len(topics); i++ {
		for _, rt := range topics[i].incoming() {
			if rt != except && !rt.stopped() {
				see(rt.source)
			}
		}
	}
	see(dest)
	for i := 0; i < len(topics); i++ {
		for _, rt := range topics[i].outgoing() {
			if rt != except && !rt.stopped() {
				see(rt.dest)
				list = append(list, rt)
			}
		}
	}
	return list
}

// topic returns the number of a topic.
func (g *graph) topic(t *topic) int {
	n, known := g.number[t]
	if !known {
		n = g.fresh(t.name)
		g.number[t] = n
	}
	return n
}

// fresh adds a topic that no router leads from or to yet.
func (g *graph) fresh(name string) int {
	g.names, g.out = append(g.names, name), append(g.out, nil)
	return len(g.names) - 1
}

// join adds a router.
func (g *graph) join(from, to int) {
	i, known := g.at[[2]int{from, to}]
	if !known {
		i = len(g.out[from])
		g.at[[2]int{from, to}] = i
		g.out[from] = append(g.out[from], edge{to: to})
	}
	g.out[from][i].routers++
}

// groups returns of each topic the number, from 1, of its group: the topics of
// which each leads to each other. It is Tarjan's algorithm, without recursion:
// a chain of routers may be long.
func (g *graph) groups() []int {
	m := marking{g: g, of: make([]place, len(g.names))}
	for t := range g.names {
		m.visit(t)
	}
	groups := make([]int, len(g.names))
	for t := range groups {
		groups[t] = m.of[t].group
	}
	return groups
}

// marking finds the groups of a graph.
type marking struct {
	g       *graph
	of      []place
	way     []int // from where visit began to where it is
	open    []int // visited, and in no group yet
	visited int
	groups  int
}

// place is a topic in a marking.
type place struct {
	next       int // the first edge from it that is still to be followed
	order, low int // when it was visited, from 1; the first open one that it is known to lead to
	group      int // 0: not known yet
}

func (m *marking) enter(t int) {
	m.visited++
	m.of[t].order, m.of[t].low = m.visited, m.visited
	m.way, m.open = append(m.way, t), append(m.open, t)
}

// visit finds the groups of all topics that t leads to.
func (m *marking) visit(t int) {
	if m.of[t].order > 0 {
		return
	}
	m.enter(t)
	for len(m.way) > 0 {
		at := m.way[len(m.way)-1]
		p := &m.of[at]
		if out := m.g.out[at]; p.next < len(out) {
			far := out[p.next].to
			p.next++
			if q := &m.of[far]; q.order == 0 {
				m.enter(far)
			} else if q.group == 0 {
				p.low = min(p.low, q.order)
			}
			continue
		}
		if m.way = m.way[:len(m.way)-1]; len(m.way) > 0 {
			before := &m.of[m.way[len(m.way)-1]]
			before.low = min(before.low, p.low)
		}
		if p.low == p.order { // nothing behind it leads to before it
			m.groups++
			for p.group == 0 {
				last := len(m.open) - 1
				m.of[m.open[last]].group = m.groups
				m.open = m.open[:last]
			}
		}
	}
}
