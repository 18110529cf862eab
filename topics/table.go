package topics

import (
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/tidwall/btree"
)

// routing holds the routers. Registry.mu guards it, except counting.
type routing struct {
	byName btree.Map[string, *router] // durable or on their way
	byID   map[uint64]*router         // replay only: nil after Start
	nextID uint64
	cyclic bool // some are part of a cycle

	counting lockorder.Mutex[lockorder.Count] // held while paths are counted, one router's at a time
}

// set makes the router known by its name.
func (g *routing) set(rt *router, n *topic.Counters) {
	g.byName.Set(rt.name, rt)
	n.Routers.Store(int64(g.byName.Len()))
}

// before returns the routers that were made before the one of that id, by name.
func (g *routing) before(id uint64) []*router {
	var list []*router
	g.byName.Scan(func(_ string, rt *router) bool {
		if rt.id < id {
			list = append(list, rt)
		}
		return true
	})
	return list
}

// remove takes the name away.
func (g *routing) remove(rt *router, n *topic.Counters) {
	g.byName.Delete(rt.name)
	n.Routers.Store(int64(g.byName.Len()))
}

// markCycles marks the routers that are part of a cycle: there a record goes no
// further than paths.MaxHops. It is called after each change that may have closed or
// opened a cycle, and takes time in proportion to the number of routers.
func (g *routing) markCycles() {
	graph := graphOf(g.forwarding())
	groups := graph.Groups()
	g.cyclic = false
	g.byName.Scan(func(_ string, rt *router) bool {
		if rt.stopped() {
			return true
		}
		in := groups[graph.Topic(rt.source.ID, rt.source.Name)] == groups[graph.Topic(rt.dest.ID, rt.dest.Name)]
		rt.cyclic.Store(in)
		g.cyclic = g.cyclic || in
		return true
	})
}

// forwarding returns the routers that are not stopped.
func (g *routing) forwarding() (list []*router) {
	g.byName.Scan(func(_ string, rt *router) bool {
		if !rt.stopped() {
			list = append(list, rt)
		}
		return true
	})
	return list
}
