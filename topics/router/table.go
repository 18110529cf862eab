package router

import (
	"slices"

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

// NewTable returns an empty table, which replay can fill.
func NewTable() *Table { return &Table{ByID: make(map[uint64]*Router), NextID: 1} }

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

// Cascade ends the routers of a topic that is deleted, and returns their names.
func (g *Table) Cascade(t *topic.Topic, n *topic.Counters) []string {
	var names []string
	l := Linked(t)
	all := slices.Concat(l.Out, l.In)
	if len(all) == 0 {
		return nil
	}
	Unlink(all...)
	for _, rt := range all {
		rt.Drop()
		g.Remove(rt, n)
		delete(g.ByID, rt.ID)
		names = append(names, rt.Name)
	}
	if g.Cyclic {
		g.MarkCycles()
	}
	slices.Sort(names)
	return names
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
