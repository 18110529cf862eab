package paths

// Graph holds which topics routers lead from and to, at one moment. Topics are
// numbered.
type Graph struct {
	names   []string       // of the topics
	numbers map[uint64]int // by the topics' ids
	out     [][]edge       // of each topic
	at      map[[2]int]int // position of an edge in out
}

// edge stands for all routers from one topic to another.
type edge struct {
	to      int
	routers uint64
}

// NewGraph returns an empty graph.
func NewGraph() *Graph { return &Graph{numbers: map[uint64]int{}, at: map[[2]int]int{}} }

// Topic returns the number of a topic, which it adds if needed.
func (g *Graph) Topic(id uint64, name string) int {
	n, known := g.numbers[id]
	if !known {
		n = g.Fresh(name)
		g.numbers[id] = n
	}
	return n
}

// Number returns the number of a topic, if it is in the graph.
func (g *Graph) Number(id uint64) (n int, ok bool) {
	n, ok = g.numbers[id]
	return n, ok
}

// Name returns the name of a topic.
func (g *Graph) Name(n int) string { return g.names[n] }

// Fresh adds a topic that does not exist yet, and so has no id.
func (g *Graph) Fresh(name string) int {
	g.names, g.out = append(g.names, name), append(g.out, nil)
	return len(g.names) - 1
}

// Join adds a router between two topics.
func (g *Graph) Join(from, to int) {
	i, known := g.at[[2]int{from, to}]
	if !known {
		i = len(g.out[from])
		g.at[[2]int{from, to}] = i
		g.out[from] = append(g.out[from], edge{to: to})
	}
	g.out[from][i].routers++
}

// Groups returns the group of each topic, numbered from 1: two topics are in the
// same group if each leads to the other. It is Tarjan's algorithm, without
// recursion, because a chain of routers may be long.
func (g *Graph) Groups() []int {
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
	g       *Graph
	of      []place
	path    []int // from where visit began to where it is
	open    []int // visited, and in no group yet
	visited int
	groups  int
}

// place is the state of a topic in a marking.
type place struct {
	next       int // the first edge that has not been followed
	order, low int // when it was visited, from 1; the lowest order of an open topic it is known to lead to
	group      int // 0 while unknown
}

func (m *marking) enter(t int) {
	m.visited++
	m.of[t].order, m.of[t].low = m.visited, m.visited
	m.path, m.open = append(m.path, t), append(m.open, t)
}

// visit finds the groups of all topics that t leads to.
func (m *marking) visit(t int) {
	if m.of[t].order > 0 {
		return
	}
	m.enter(t)
	for len(m.path) > 0 {
		at := m.path[len(m.path)-1]
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
		if m.path = m.path[:len(m.path)-1]; len(m.path) > 0 {
			before := &m.of[m.path[len(m.path)-1]]
			before.low = min(before.low, p.low)
		}
		if p.low == p.order { // nothing after it leads to before it
			m.groups++
			for p.group == 0 {
				last := len(m.open) - 1
				m.of[m.open[last]].group = m.groups
				m.open = m.open[:last]
			}
		}
	}
}
