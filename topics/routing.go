package topics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// RouterPut answers PutRouter.
type RouterPut struct {
	Created bool
	Spec    RouterSpec
	Cost    topic.Cost
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
	var counted uint64
	var p *routerChange
	_, err := r.shared.Propose(ctx,
		func() (n topic.Need, err error) {
			counted, err = r.checkFanout(name, &spec)
			return topic.Need{Bytes: routerSize(&spec), Mode: wal.Patient}, err
		},
		func(s *topic.Slot) (err error) {
			p, err = r.assignRouter(s, name, &spec, counted)
			return err
		})
	if err != nil {
		return RouterPut{}, err
	}
	began := time.Now()
	err = r.commitRouter(p)
	if err != nil {
		return RouterPut{}, err
	}
	return RouterPut{Created: p.created, Spec: spec, Cost: topic.Cost{Sync: time.Since(began)}}, nil
}

// checkFanout refuses a router with which a record could take too many paths. It
// returns the id that the router must get for the count to hold: any router that
// is created meanwhile takes that id, and one that is deleted adds no path. It
// returns 0 if nothing is counted, because the ends stay or there is no limit. The
// caller holds no topic's lock, so that no write waits for a count.
func (r *Registry) checkFanout(name string, spec *RouterSpec) (id uint64, err error) {
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
	source, dest := r.topicOfLocked(spec.Source), r.topicOfLocked(spec.Dest)
	err = checkCycleLocked(dest, old, spec) // the reason that says more
	if err != nil || !forwardsLocked(source, old) && !forwardsLocked(dest, old) {
		r.mu.RUnlock()
		return id, err // paths that ended at the source are only longer now
	}
	around := aroundLocked(source, dest, old)
	r.mu.RUnlock()
	err = checkFanout(spec, source, dest, around, uint64(r.opts.MaxRouterWays))
	if err != nil {
		return 0, err
	}
	return id, nil
}

// routerChange is a router that is made or changed, with its place in the log.
type routerChange struct {
	created bool
	at      wal.LSN         // durable once the log is synced to here; 0 if it was already
	made    []*topic.Commit // of the topics that came with it
}

// assignRouter gives the change its place in the log. It holds the source's lock, so
// each write to the source comes before the router or after it. counted must be the
// result of checkFanout. topic.ErrRetry means that the source has been created meanwhile, or
// that the paths must be counted again.
func (r *Registry) assignRouter(s *topic.Slot, name string, spec *RouterSpec, counted uint64) (*routerChange, error) {
	source := r.hold(spec.Source)
	if source != nil {
		defer source.Mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if present, _ := r.byName.Get(spec.Source); present != source {
		return nil, topic.ErrRetry
	}
	old, _ := r.routers.byName.Get(name)
	if r.opts.MaxRouterWays > 0 && !old.keepsEnds(spec) && counted != r.routers.nextID {
		return nil, topic.ErrRetry // another router was faster: there may be more ways
	}
	return r.assignToLocked(s, old, name, spec)
}

// assignToLocked is assignRouter with what there is of that name, which may be nil.
// r.mu is held, and the lock of the source, if there is one already.
func (r *Registry) assignToLocked(s *topic.Slot, old *router, name string, spec *RouterSpec) (*routerChange, error) {
	if old != nil && old.changing > 0 {
		return nil, &topic.UnderWayError{At: old.changing}
	}
	if old.keepsEnds(spec) {
		return r.assignRespecLocked(s, old, spec)
	}
	if limit := r.opts.MaxRouters; old == nil && limit > 0 && r.routers.byName.Len() >= limit {
		return nil, &record.Error{
			Kind: record.KindThrottled, Message: fmt.Sprintf("there are already %d routers, the most allowed", limit),
			Detail: map[string]any{"limit": "max_routers", "max": limit},
		}
	}
	if err := checkCycleLocked(r.topicOfLocked(spec.Dest), old, spec); err != nil {
		return nil, err
	}
	e := entry.Router{ID: r.routers.nextID, TS: r.shared.Now(), Name: name}
	if old != nil {
		e.Replaces = old.id
	}
	ends, made, err := r.routerEndsLocked(spec, &e)
	if err != nil {
		return nil, err
	}
	source := ends[0]
	if source.Broken != nil {
		return nil, source.Broken
	}
	e.Cursor = source.Assigned
	for _, c := range made {
		r.shared.Applying.Enter(c)
	}
	span, err := appendRouter(s, &e, spec)
	if err != nil {
		for _, c := range made {
			c.Leave()
		}
		return nil, err
	}
	for _, c := range made {
		c.Span, c.Topic.Reserve.At = span, span.End
		c.Topic.Assign(c, 0)
		r.adopt(c.Topic)
	}
	rt := &router{
		id: e.ID, name: strings.Clone(name), source: source, dest: ends[1], spec: *spec, changing: span.End,
		cursor: e.Cursor, logged: e.Cursor, done: e.Cursor, applied: span.End,
	}
	r.routers.nextID++
	if old == nil {
		r.routers.set(rt, &r.shared.Counters)
	} else { // there is a router of this name all the time
		old.stop()
		old.changing = span.End
	}
	rt.linkLocked()
	r.changes.add(span.End, func() {
		r.replaceRouterLocked(old, rt)
		rt.show(span.End)
		r.push(rt.source)
	})
	return &routerChange{old == nil, span.End, made}, nil
}

// replaceRouterLocked puts a router in the place of old, which may be nil. r.mu is
// held.
func (r *Registry) replaceRouterLocked(old, rt *router) {
	if old != nil {
		old.drop()
		unlink(old)
		r.routers.set(rt, &r.shared.Counters)
	}
	if rt.spec.AllowCycle || old != nil && r.routers.cyclic {
		r.routers.markCycles()
	}
}

// assignRespecLocked changes a router whose ends stay. r.mu is held.
func (r *Registry) assignRespecLocked(s *topic.Slot, rt *router, spec *RouterSpec) (*routerChange, error) {
	if rt.spec.AllowCycle { // else it closes none that it is not in already
		if err := checkCycleLocked(r.topicOfLocked(spec.Dest), rt, spec); err != nil {
			return nil, err
		}
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.spec.Equal(spec) {
		return &routerChange{}, nil
	}
	e := entry.Router{ID: rt.id, TS: r.shared.Now(), Name: rt.name, Source: rt.source.ID, Dest: rt.dest.ID, Cursor: rt.cursor}
	span, err := appendRouter(s, &e, spec)
	if err != nil {
		return nil, err
	}
	rt.next, rt.applied, rt.logged, rt.changing = spec, span.End, rt.cursor, span.End
	r.changes.add(span.End, func() {
		rt.show(span.End)
		r.push(rt.source)
	})
	return &routerChange{at: span.End}, nil
}

// routerEndsLocked finds the router's topics, or gets those that are missing ready to
// be made by e's frame. r.mu is held.
func (r *Registry) routerEndsLocked(spec *RouterSpec, e *entry.Router) (ends [2]*topic.Topic, made []*topic.Commit, err error) {
	id := r.nextID
	for i, name := range []string{spec.Source, spec.Dest} {
		t, _ := r.byName.Get(name)
		if t == nil {
			if !spec.CreateDest {
				return ends, nil, record.NotFound(name)
			}
			if err := r.roomForTopicsLocked(len(made) + 1); err != nil {
				return ends, nil, err
			}
			cfg := record.DefaultConfig()
			t = topic.New(id, name, r.shared)
			t.Next = &cfg
			id++
			t.Reserve.Grow(0, r.shared.Log.Synced())
			c := createCommit(t, e.TS)
			e.Made[i] = c.Entry.Creation
			made = append(made, &c.Commit)
		}
		if t.Ending > 0 {
			return ends, nil, &topic.UnderWayError{At: t.Ending}
		}
		ends[i] = t
	}
	e.Source, e.Dest = ends[0].ID, ends[1].ID
	return ends, made, nil
}

// commitRouter waits until the change is durable. Then the topics that it made
// are there, and the router begins.
func (r *Registry) commitRouter(p *routerChange) error {
	err := r.shared.Log.WaitSynced(p.at)
	for _, c := range p.made {
		if perr := c.Publish(err); perr != nil {
			err = perr
		}
	}
	if err != nil {
		return topic.LogError(err)
	}
	return r.awaitChange(p.at)
}
