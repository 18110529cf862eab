package topics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/topics/catalog"
	"github.com/e6e95bb8/topics/topics/changes"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Routing makes, changes, ends and lists the routers of a registry.
type Routing struct {
	shared  *topic.Shared
	catalog *catalog.Catalog // its lock guards table, except what says otherwise
	table   *router.Table
	changes *changes.Changes
	push    func(*topic.Topic) // has the routers of a source look for something to forward
	limits  routerLimits
}

// routerLimits bound the routers of a registry. 0: no limit.
type routerLimits struct {
	routers int
	paths   int // that a record of any topic may take
}

// RouterPut answers PutRouter.
type RouterPut struct {
	Created bool
	Spec    router.Spec
	Cost    topic.Cost
}

// PutRouter makes the router, or replaces it: with the same ends it goes on
// where it is, with others it begins at the source's head. Ends that are not
// there are made with it. It returns when all of that is durable.
func (rg *Routing) PutRouter(ctx context.Context, name string, spec router.Spec) (RouterPut, error) {
	if err := router.CheckName(name); err != nil {
		return RouterPut{}, err
	}
	if err := spec.Check(); err != nil {
		return RouterPut{}, err
	}
	var counted uint64
	var p *routerChange
	_, err := rg.shared.Propose(ctx,
		func() (n topic.Need, err error) {
			counted, err = rg.checkFanout(name, &spec)
			return topic.Need{Bytes: router.Size(&spec), Mode: wal.Patient}, err
		},
		func(s *topic.Slot) (err error) {
			p, err = rg.assignRouter(s, name, &spec, counted)
			return err
		})
	if err != nil {
		return RouterPut{}, err
	}
	began := time.Now()
	err = rg.commitRouter(p)
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
func (rg *Routing) checkFanout(name string, spec *router.Spec) (id uint64, err error) {
	if rg.limits.paths == 0 {
		return 0, nil
	}
	rg.table.Counting.Lock()
	defer rg.table.Counting.Unlock()
	rg.catalog.Mu.RLock()
	old, _ := rg.table.ByName.Get(name)
	if old.KeepsEnds(spec) {
		rg.catalog.Mu.RUnlock()
		return 0, nil
	}
	id = rg.table.NextID
	source, dest := rg.catalog.GetLocked(spec.Source), rg.catalog.GetLocked(spec.Dest)
	err = router.CheckCycleLocked(dest, old, spec) // the reason that says more
	if err != nil || !router.ForwardsLocked(source, old) && !router.ForwardsLocked(dest, old) {
		rg.catalog.Mu.RUnlock()
		return id, err // paths that ended at the source are only longer now
	}
	around := router.AroundLocked(source, dest, old)
	rg.catalog.Mu.RUnlock()
	err = router.CheckFanout(spec, source, dest, around, uint64(rg.limits.paths))
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
func (rg *Routing) assignRouter(s *topic.Slot, name string, spec *router.Spec, counted uint64) (*routerChange, error) {
	source := rg.catalog.Hold(spec.Source)
	if source != nil {
		defer source.Mu.Unlock()
	}
	rg.catalog.Mu.Lock()
	defer rg.catalog.Mu.Unlock()
	if present := rg.catalog.GetLocked(spec.Source); present != source {
		return nil, topic.ErrRetry
	}
	old, _ := rg.table.ByName.Get(name)
	if rg.limits.paths > 0 && !old.KeepsEnds(spec) && counted != rg.table.NextID {
		return nil, topic.ErrRetry // another router was faster: there may be more ways
	}
	return rg.assignToLocked(s, old, name, spec)
}

// assignToLocked is assignRouter with what there is of that name, which may be nil.
// The catalog's lock is held, and the lock of the source, if there is one already.
func (rg *Routing) assignToLocked(s *topic.Slot, old *router.Router, name string, spec *router.Spec) (*routerChange, error) {
	if old != nil && old.Changing > 0 {
		return nil, &topic.UnderWayError{At: old.Changing}
	}
	if old.KeepsEnds(spec) {
		return rg.assignRespecLocked(s, old, spec)
	}
	if limit := rg.limits.routers; old == nil && limit > 0 && rg.table.ByName.Len() >= limit {
		return nil, &record.Error{
			Kind: record.KindThrottled, Message: fmt.Sprintf("there are already %d routers, the most allowed", limit),
			Detail: map[string]any{"limit": "max_routers", "max": limit},
		}
	}
	if err := router.CheckCycleLocked(rg.catalog.GetLocked(spec.Dest), old, spec); err != nil {
		return nil, err
	}
	e := entry.Router{ID: rg.table.NextID, TS: rg.shared.Now(), Name: name}
	if old != nil {
		e.Replaces = old.ID
	}
	ends, made, err := rg.routerEndsLocked(spec, &e)
	if err != nil {
		return nil, err
	}
	source := ends[0]
	if err := source.Refusal(); err != nil {
		return nil, err
	}
	e.Cursor = source.Assigned
	for _, c := range made {
		rg.shared.Applying.Enter(c)
	}
	span, err := router.AppendTo(s, &e, spec)
	if err != nil {
		for _, c := range made {
			c.Leave()
		}
		return nil, err
	}
	for _, c := range made {
		c.Span, c.Topic.Reserve.At = span, span.End
		c.Topic.Assign(c, 0)
		rg.catalog.AdoptLocked(c.Topic)
	}
	rt := &router.Router{
		ID: e.ID, Name: strings.Clone(name), Source: source, Dest: ends[1], Spec: *spec, Changing: span.End,
		Cursor: e.Cursor, Logged: e.Cursor, Done: e.Cursor, Applied: span.End,
	}
	rg.table.NextID++
	if old == nil {
		rg.table.Set(rt, &rg.shared.Counters)
	} else { // there is a router of this name all the time
		old.Stop()
		old.Changing = span.End
	}
	rt.LinkLocked()
	rg.changes.AddLocked(span.End, func() {
		rg.replaceRouterLocked(old, rt)
		rt.Show(span.End)
		rg.push(rt.Source)
	})
	return &routerChange{old == nil, span.End, made}, nil
}

// replaceRouterLocked puts a router in the place of old, which may be nil. rg.catalog.Mu is
// held.
func (rg *Routing) replaceRouterLocked(old, rt *router.Router) {
	if old != nil {
		old.Drop()
		router.Unlink(old)
		rg.table.Set(rt, &rg.shared.Counters)
	}
	if rt.Spec.AllowCycle || old != nil && rg.table.Cyclic {
		rg.table.MarkCycles()
	}
}

// assignRespecLocked changes a router whose ends stay. The catalog's lock is held.
func (rg *Routing) assignRespecLocked(s *topic.Slot, rt *router.Router, spec *router.Spec) (*routerChange, error) {
	if rt.Spec.AllowCycle { // else it closes none that it is not in already
		if err := router.CheckCycleLocked(rg.catalog.GetLocked(spec.Dest), rt, spec); err != nil {
			return nil, err
		}
	}
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	if rt.Spec.Equal(spec) {
		return &routerChange{}, nil
	}
	e := entry.Router{ID: rt.ID, TS: rg.shared.Now(), Name: rt.Name, Source: rt.Source.ID, Dest: rt.Dest.ID, Cursor: rt.Cursor}
	span, err := router.AppendTo(s, &e, spec)
	if err != nil {
		return nil, err
	}
	rt.RespecLocked(spec, span.End)
	rg.changes.AddLocked(span.End, func() {
		rt.Show(span.End)
		rg.push(rt.Source)
	})
	return &routerChange{at: span.End}, nil
}

// routerEndsLocked finds the router's topics, or gets those that are missing ready to
// be made by e's frame. The catalog's lock is held.
func (rg *Routing) routerEndsLocked(spec *router.Spec, e *entry.Router) (ends [2]*topic.Topic, made []*topic.Commit, err error) {
	id := rg.catalog.NextID
	for i, name := range []string{spec.Source, spec.Dest} {
		t := rg.catalog.GetLocked(name)
		if t == nil {
			if !spec.CreateDest {
				return ends, nil, record.NotFound(name)
			}
			if err := rg.catalog.RoomLocked(len(made) + 1); err != nil {
				return ends, nil, err
			}
			cfg := record.DefaultConfig()
			t = topic.New(id, name, rg.shared)
			t.Next = &cfg
			id++
			t.Reserve.Grow(0, rg.shared.Log.Synced())
			c := topic.CreateCommit(t, e.TS)
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
func (rg *Routing) commitRouter(p *routerChange) error {
	err := rg.shared.Log.WaitSynced(p.at)
	for _, c := range p.made {
		if perr := c.Publish(err); perr != nil {
			err = perr
		}
	}
	if err != nil {
		return topic.LogError(err)
	}
	return rg.changes.Await(p.at)
}
