package topics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/wal"
	"github.com/tidwall/btree"
)

// routing is what the registry knows of routers. Its lock guards it.
type routing struct {
	byName btree.Map[string, *router] // durable or on their way
	byID   map[uint64]*router         // replay only: nil after Start
	nextID uint64
}

// set makes the router known by its name.
func (g *routing) set(rt *router, n *totals) {
	g.byName.Set(rt.name, rt)
	n.routers.Store(int64(g.byName.Len()))
}

// remove takes the name away.
func (g *routing) remove(rt *router, n *totals) {
	g.byName.Delete(rt.name)
	n.routers.Store(int64(g.byName.Len()))
}

// routerSize is room for a router's entry, with the two topics that it may make.
func routerSize(spec *RouterSpec) int {
	size := 5*MaxName + 4096
	if spec.Filter != nil {
		size += 6 * len(spec.Filter.value) // as JSON
	}
	return size
}

// PutRouter makes the router, or replaces it: with the same ends it goes on
// where it is, with others it begins at the source's head. Ends that are not
// there are made with it. It returns when all of that is durable.
func (r *Registry) PutRouter(ctx context.Context, name string, spec RouterSpec) (RouterPut, error) {
	if err := CheckRouterName(name); err != nil {
		return RouterPut{}, err
	}
	if err := spec.check(); err != nil {
		return RouterPut{}, err
	}
	for {
		if _, err := r.log.Admit(ctx, routerSize(&spec), false, true); err != nil {
			return RouterPut{}, logError(err)
		}
		p, err := r.assignRouter(name, &spec)
		if errors.Is(err, wal.ErrBusy) {
			continue
		}
		if err != nil {
			return RouterPut{}, err
		}
		began := time.Now()
		if err := r.commitRouter(p); err != nil {
			return RouterPut{}, err
		}
		return RouterPut{Created: p.created, Spec: spec, Cost: Cost{Sync: time.Since(began)}}, nil
	}
}

// routerChange is a router on its way to being what it is to be.
type routerChange struct {
	router  *router
	created bool
	at      wal.LSN   // durable once the log is synced to here
	made    []*commit // of the topics that came with it
}

// assignRouter gives the change its place in the log.
func (r *Registry) assignRouter(name string, spec *RouterSpec) (*routerChange, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, _ := r.routers.byName.Get(name)
	if old != nil && old.source.name == spec.Source && old.dest.name == spec.Dest {
		return r.assignRespec(old, spec)
	}
	if limit := r.opts.MaxRouters; old == nil && limit > 0 && r.routers.byName.Len() >= limit {
		return nil, &Error{
			Kind: KindThrottled, Message: fmt.Sprintf("there are already %d routers, the most allowed", limit),
			Detail: map[string]any{"limit": "max_routers", "max": limit},
		}
	}
	if err := r.checkCycle(old, spec); err != nil {
		return nil, err
	}
	e := entry{typ: entryRouter, router: r.routers.nextID, ts: r.now(), name: name}
	if old != nil {
		e.replaces = old.id
	}
	ends, made, err := r.routerEnds(spec, &e)
	if err != nil {
		return nil, err
	}
	source := ends[0]
	source.mu.Lock()
	if source.broken != nil {
		source.mu.Unlock()
		return nil, source.broken
	}
	e.cursor = source.assigned
	span, err := r.appendRouter(&e, spec)
	source.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, c := range made {
		c.span, c.topic.reserve.at, c.topic.assignedTS = span, span.End, e.ts
		c.topic.pending = append(c.topic.pending, c)
		r.adopt(c.topic)
	}
	rt := &router{
		id: e.router, name: name, source: source, dest: ends[1], spec: *spec, made: span.End,
		cursor: e.cursor, done: e.cursor, applied: span.End,
	}
	r.routers.nextID++
	if old != nil {
		old.drop()
		unlink(old)
	}
	r.routers.set(rt, &r.totals)
	rt.link()
	return &routerChange{rt, old == nil, span.End, made}, nil
}

// assignRespec changes a router whose ends stay.
func (r *Registry) assignRespec(rt *router, spec *RouterSpec) (*routerChange, error) {
	if err := r.checkCycle(rt, spec); err != nil {
		return nil, err
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.spec.Equal(spec) {
		return &routerChange{router: rt, at: rt.made}, nil
	}
	e := entry{
		typ: entryRouter, router: rt.id, ts: r.now(), name: rt.name,
		source: rt.source.id, id: rt.dest.id, cursor: rt.cursor,
	}
	span, err := r.appendRouter(&e, spec)
	if err != nil {
		return nil, err
	}
	rt.spec, rt.made, rt.applied = *spec, span.End, span.End
	return &routerChange{router: rt, at: span.End}, nil
}

// routerEnds finds the router's topics, or gets those that are missing ready to
// be made by e's frame. r.mu is held.
func (r *Registry) routerEnds(spec *RouterSpec, e *entry) (ends [2]*topic, made []*commit, err error) {
	id := r.nextID
	for i, name := range []string{spec.Source, spec.Dest} {
		t, _ := r.byName.Get(name)
		if t == nil {
			if !spec.CreateDest {
				return ends, nil, notFound(name)
			}
			if err := r.roomForTopics(len(made) + 1); err != nil {
				return ends, nil, err
			}
			cfg := DefaultConfig()
			t = &topic{id: id, name: name, next: &cfg}
			id++
			t.reserve.grow(0, r.log.Synced())
			e.made[i] = &madeTopic{t.id, name, &cfg, t.reserve.ceiling}
			made = append(made, &commit{topic: t, class: Fsync, entry: entry{
				typ: entryCreate, id: t.id, ts: e.ts, name: name, config: &cfg, ceiling: t.reserve.ceiling,
			}})
		}
		ends[i] = t
	}
	e.source, e.id = ends[0].id, ends[1].id
	return ends, made, nil
}

// storedSpec is a spec in the log and in checkpoints, which know the ends by
// their ids.
type storedSpec struct {
	PreserveNode bool     `json:"preserve_node"`
	PreserveTag  bool     `json:"preserve_tag"`
	CreateDest   bool     `json:"create_dest"`
	AllowCycle   bool     `json:"allow_cycle"`
	Guarantee    string   `json:"guarantee"`
	Filter       []string `json:"filter,omitempty"` // operator, pattern
}

func (s *RouterSpec) encode() ([]byte, error) {
	stored := storedSpec{s.PreserveNode, s.PreserveTag, s.CreateDest, s.AllowCycle, s.Guarantee, nil}
	if s.Filter != nil {
		op, pattern := s.Filter.Parts()
		stored.Filter = []string{op, pattern}
	}
	b, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("topics: encode router: %w", err)
	}
	return b, nil
}

// decodeSpec is encode's inverse.
func decodeSpec(b []byte, source, dest string) (RouterSpec, error) {
	var stored storedSpec
	if err := json.Unmarshal(b, &stored); err != nil {
		return RouterSpec{}, fmt.Errorf("%w: router: %w", errEntry, err)
	}
	s := RouterSpec{
		Source: source, Dest: dest, PreserveNode: stored.PreserveNode, PreserveTag: stored.PreserveTag,
		CreateDest: stored.CreateDest, AllowCycle: stored.AllowCycle, Guarantee: stored.Guarantee,
	}
	switch len(stored.Filter) {
	case 0:
	case 2:
		m, err := NewMatch(stored.Filter[0], stored.Filter[1])
		if err != nil {
			return RouterSpec{}, fmt.Errorf("%w: router: %w", errEntry, err)
		}
		s.Filter = &m
	default:
		return RouterSpec{}, fmt.Errorf("%w: router with a filter of %d parts", errEntry, len(stored.Filter))
	}
	return s, nil
}

func (r *Registry) appendRouter(e *entry, spec *RouterSpec) (wal.Span, error) {
	var err error
	if e.spec, err = spec.encode(); err != nil {
		return wal.Span{}, err
	}
	payload, err := e.encode(nil)
	if err != nil {
		return wal.Span{}, err
	}
	span, err := r.log.Append(e.typ, payload, nil, false)
	return span, logError(err)
}

// commitRouter waits until the change is durable and lets the router begin.
func (r *Registry) commitRouter(p *routerChange) error {
	err := r.log.WaitSynced(p.at)
	for _, c := range p.made {
		if perr := r.publish(c, err); perr != nil {
			err = perr
		}
	}
	if err != nil {
		return logError(err) // the log is read-only: nothing is forwarded any more
	}
	rt := p.router
	rt.mu.Lock()
	rt.visible = true
	rt.mu.Unlock()
	r.push(rt.source)
	return nil
}

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
			if _, seen := from[rt.dest]; !seen && rt != except {
				from[rt.dest] = at
				next = append(next, rt.dest)
			}
		}
	}
	return nil
}

// DeleteRouter ends the router; it returns when that is durable. What it has
// forwarded stays.
func (r *Registry) DeleteRouter(ctx context.Context, name string) (deleted bool, cost Cost, err error) {
	var span wal.Span
	for {
		if _, err := r.log.Admit(ctx, entryOverhead, true, true); err != nil {
			return false, Cost{}, logError(err)
		}
		deleted, span, err = r.unroute(name)
		if !errors.Is(err, wal.ErrBusy) {
			break
		}
	}
	if err != nil || !deleted {
		return false, Cost{}, err
	}
	began := time.Now()
	if err := r.log.WaitSynced(span.End); err != nil {
		return false, Cost{}, logError(err)
	}
	return true, Cost{Sync: time.Since(began)}, nil
}

func (r *Registry) unroute(name string) (bool, wal.Span, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rt, _ := r.routers.byName.Get(name)
	if rt == nil {
		return false, wal.Span{}, nil
	}
	span, err := rt.end(r.log)
	if err != nil {
		return false, wal.Span{}, err
	}
	r.routers.remove(rt, &r.totals)
	unlink(rt)
	return true, span, nil
}

// end logs the router's end. Nothing is forwarded behind it: the lock is held.
func (rt *router) end(log *wal.Log) (wal.Span, error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	e := entry{typ: entryUnroute, router: rt.id}
	payload, err := e.encode(nil)
	if err != nil {
		return wal.Span{}, err
	}
	span, err := log.Append(e.typ, payload, nil, true)
	if err != nil {
		return wal.Span{}, logError(err)
	}
	rt.dropped = true
	rt.notify()
	return span, nil
}

// cascade ends the routers of a topic that is deleted, and returns their names.
// r.mu is held, the topic's lock is not; or this is replay.
func (r *Registry) cascade(t *topic) []string {
	if t.routes == nil {
		return nil
	}
	var names []string
	all := slices.Concat(t.routes.out, t.routes.in)
	unlink(all...)
	for _, rt := range all {
		rt.drop()
		r.routers.remove(rt, &r.totals)
		delete(r.routers.byID, rt.id)
		names = append(names, rt.name)
	}
	slices.Sort(names)
	return names
}

// Router reports one router.
func (r *Registry) Router(name string) (RouterState, error) {
	r.mu.RLock()
	rt, _ := r.routers.byName.Get(name)
	r.mu.RUnlock()
	if rt != nil {
		if s, ok := rt.state(); ok {
			return s, nil
		}
	}
	return RouterState{}, routerNotFound(name)
}

// state reports the router; false: it is not there.
func (rt *router) state() (RouterState, bool) {
	rt.source.mu.RLock()
	head := rt.source.head
	rt.source.mu.RUnlock()
	rt.mu.Lock()
	defer rt.mu.Unlock()
	s := RouterState{Name: rt.name, Spec: rt.spec, Forwarded: rt.forwarded, Blocked: rt.blocked}
	if head > rt.done {
		s.Lag = head - rt.done
	}
	return s, rt.visible && !rt.dropped
}

// Routers returns up to limit routers with names above after that begin with
// prefix and have those ends (empty: any), sorted by name, and whether there are
// more.
func (r *Registry) Routers(prefix, source, dest, after string, limit int) (page []RouterState, more bool) {
	take := func(name string, rt *router) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if name == after || source != "" && rt.source.name != source || dest != "" && rt.dest.name != dest {
			return true
		}
		if s, ok := rt.state(); ok {
			page = append(page, s)
		}
		return len(page) <= limit
	}
	if source == "" && dest == "" {
		var found []*router
		r.mu.RLock()
		r.routers.byName.Ascend(max(prefix, after), func(name string, rt *router) bool {
			if !strings.HasPrefix(name, prefix) {
				return false
			}
			found = append(found, rt)
			return len(found) < limit+3 // after, one more, and one that is just being made
		})
		r.mu.RUnlock()
		for _, rt := range found {
			if !take(rt.name, rt) {
				break
			}
		}
		if len(found) == limit+3 && len(page) <= limit {
			rest, _ := r.Routers(prefix, "", "", found[len(found)-1].name, limit+1-len(page))
			page = append(page, rest...)
		}
	} else {
		for _, rt := range r.routersOf(source, dest, prefix, after) {
			if !take(rt.name, rt) {
				break
			}
		}
	}
	if more = len(page) > limit; more {
		page = page[:limit]
	}
	return page, more
}

// routersOf returns the routers of one topic, sorted by name, that come into
// question.
func (r *Registry) routersOf(source, dest, prefix, after string) []*router {
	var list []*router
	switch {
	case source != "":
		if t := r.lookup(source); t != nil {
			list = t.outgoing()
		}
	default:
		if t := r.lookup(dest); t != nil {
			list = t.incoming()
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(rt *router) bool {
		return rt.name <= after && after != "" || !strings.HasPrefix(rt.name, prefix)
	})
	slices.SortFunc(list, func(a, b *router) int { return strings.Compare(a.name, b.name) })
	return list
}
