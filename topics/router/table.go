package router

import (
	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/tidwall/btree"
)

// Table holds the routers. The lock of the registry guards it, except
// Counting.
type Table struct {
	ByName btree.Map[string, *Router] // durable or on their way
	ByID   map[uint64]*Router         // replay only: nil after Start
	NextID uint64
	Cyclic bool // some are part of a cycle

	Counting lockorder.Mutex[lockorder.Count] // held while paths are counted, one router's at a time
}

// Set makes the router known by its name.
func (g *Table) Set(rt *Router, n *topic.Counters) {
	g.ByName.Set(rt.Name, rt)
	n.Routers.Store(int64(g.ByName.Len()))
}

// Before returns the routers that were made before the one of that id, by name.
func (g *Table) Before(id uint64) []*Router {
	var list []*Router
	g.ByName.Scan(func(_ string, rt *Router) bool {
		if rt.ID < id {
			list = append(list, rt)
		}
		return true
	})
	return list
}

// Remove takes the name away.
func (g *Table) Remove(rt *Router, n *topic.Counters) {
	g.ByName.Delete(rt.Name)
	n.Routers.Store(int64(g.ByName.Len()))
}

// MarkCycles marks the routers that are part of a cycle: there a record goes no
// further than paths.MaxHops. It is called after each change that may have closed or
// opened a cycle, and takes time in proportion to the number of routers.
func (g *Table) MarkCycles() {
	graph := GraphOf(g.Forwarding())
	groups := graph.Groups()
	g.Cyclic = false
	g.ByName.Scan(func(_ string, rt *Router) bool {
		if rt.stopped() {
			return true
		}
		in := groups[graph.Topic(rt.Source.ID, rt.Source.Name)] == groups[graph.Topic(rt.Dest.ID, rt.Dest.Name)]
		rt.Cyclic.Store(in)
		g.Cyclic = g.Cyclic || in
		return true
	})
}

// Forwarding returns the routers that are not stopped.
func (g *Table) Forwarding() (list []*Router) {
	g.ByName.Scan(func(_ string, rt *Router) bool {
		if !rt.stopped() {
			list = append(list, rt)
		}
		return true
	})
	return list
}
