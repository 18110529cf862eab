package topics

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/rate"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// What a router promises. One mechanism serves both: a forwarded record and
// the router's cursor are one frame of the log.
const (
	AtLeastOnce = "at_least_once"
	ExactlyOnce = "exactly_once"
)

// RouterSpec is a router as its maker describes it.
type RouterSpec struct {
	Source, Dest              string
	PreserveNode, PreserveTag bool
	CreateDest                bool          // create topics that do not exist
	Filter                    *record.Match // nil: all
	AllowCycle                bool
	Guarantee                 string // at_least_once, which is the default, or exactly_once
}

// Equal reports whether the two describe the same router.
func (s *RouterSpec) Equal(o *RouterSpec) bool {
	a, b := *s, *o
	same := (a.Filter == nil) == (b.Filter == nil) && (a.Filter == nil || *a.Filter == *b.Filter)
	a.Filter, b.Filter = nil, nil
	return same && a == b
}

// strip returns the fields that the router removes from its records.
func (s *RouterSpec) strip() (flags byte) {
	if !s.PreserveNode {
		flags |= record.HasNode
	}
	if !s.PreserveTag {
		flags |= record.HasTag
	}
	return flags
}

// RouterPut answers PutRouter.
type RouterPut struct {
	Created bool
	Spec    RouterSpec
	Cost    topic.Cost
}

// RouterState is a router at one moment.
type RouterState struct {
	Name      string
	Spec      RouterSpec
	Forwarded uint64  // records
	Lag       uint64  // seqs of the source that it has not come to
	Rate      float64 // records forwarded in a second, on average over the last minute
	Condition Condition
	Blocked   string // why it is blocked or stopped, or empty
}

// Condition is whether a router goes on.
type Condition string

// A router that is blocked waits for room, and goes on when there is some. One that
// is stopped has an error that does not pass by itself; it tries again all the same.
const (
	RouterOK      Condition = "ok"
	RouterBlocked Condition = "blocked"
	RouterStopped Condition = "stopped"
)

// conditionOf returns the condition of a router that has failed with err.
func conditionOf(err error) Condition {
	if e := new(record.Error); errors.As(err, &e) {
		switch e.Kind {
		case record.KindFull, record.KindThrottled, record.KindUnavailable, record.KindNoSpace:
			return RouterBlocked
		}
	}
	return RouterStopped
}

// router forwards a topic's records to another one. What it does is in
// forward.go.
type router struct {
	id           uint64
	name         string
	source, dest *topic.Topic
	cyclic       atomic.Bool // part of a cycle
	rates        rate.Place  // of what is forwarded
	changing     wal.LSN     // end of its last change if that is not visible yet, else 0; Registry.mu guards it

	mu        lockorder.Mutex[lockorder.Router] // guards what follows
	spec      RouterSpec
	next      *RouterSpec // the spec in the log that is not durable yet; nil if there is none
	visible   bool        // readers see it: its making is durable, and its end is not
	dropped   bool        // its end is in the log: it forwards nothing any more
	cursor    uint64      // the last seq of the source that is forwarded or passed over
	logged    uint64      // the same, as the log has it
	done      uint64      // the same, of what can be seen at the destination
	forwarded uint64      // records
	applied   wal.LSN     // end of the last frame that moved the cursor
	blocked   string
	condition Condition     // if blocked is not empty
	since     int64         // blocked since, Unix ms
	changed   chan struct{} // closed when done or blocked change; nil if no goroutine waits
}

// routes are a topic's routers.
type routes struct {
	links atomic.Pointer[links] // changed with the registry's lock held, read without

	wake chan struct{} // capacity 1: a reader waits for records to be forwarded

	mu      lockorder.Mutex[lockorder.Routes] // guards what follows
	running bool                              // a goroutine forwards from the topic
	again   bool                              // and is to look once more
}

// routesOf returns the routes of a topic; nil if it never had any.
func routesOf(t *topic.Topic) *routes {
	rs, _ := t.Routes.Load().(*routes)
	return rs
}

// links are the routers from a topic and those to it. They are never changed in
// place.
type links struct{ out, in []*router }

// CheckRouterName returns nil when name may name a router: a topic's name, or
// one with > in it.
func CheckRouterName(name string) *record.Error {
	if len(name) == 0 || len(name) > record.MaxName {
		return record.Invalid("router name has %d bytes; it must have 1 to %d", len(name), record.MaxName)
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != ':' && c != '-' && c != '>') {
			return record.Invalid("router name %q must match [A-Za-z0-9][A-Za-z0-9._:>-]*", name)
		}
	}
	return nil
}

// check checks a spec by itself, without the topics and routers that exist.
func (s *RouterSpec) check() error {
	for _, end := range []struct{ field, name string }{{"source", s.Source}, {"dest", s.Dest}} {
		if err := record.CheckName(end.name); err != nil {
			err.Message = end.field + ": " + err.Message
			err.Detail = map[string]any{"field": end.field}
			return err
		}
	}
	if s.Source == s.Dest {
		return record.InvalidField("dest", "is %q, as the source is; a router needs two topics", s.Dest)
	}
	if s.Guarantee == "" {
		s.Guarantee = AtLeastOnce
	}
	if s.Guarantee != AtLeastOnce && s.Guarantee != ExactlyOnce {
		return record.InvalidField("guarantee", "%q is neither %q nor %q", s.Guarantee, AtLeastOnce, ExactlyOnce)
	}
	return nil
}

func routerNotFound(name string) *record.Error {
	return &record.Error{
		Kind:    record.KindRouterNotFound,
		Message: fmt.Sprintf("router %q does not exist", name),
		Detail:  map[string]any{"router": name},
	}
}

// notifyLocked wakes the goroutines that wait for the router. rt.mu is held.
func (rt *router) notifyLocked() {
	if rt.changed != nil {
		close(rt.changed)
		rt.changed = nil
	}
}

// advance notes that everything up to a seq of the source can be seen at the
// destination.
func (rt *router) advance(through uint64) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.done = max(rt.done, through)
	rt.notifyLocked()
}

// stop ends what the router does. Readers see it until drop.
func (rt *router) stop() {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.dropped = true
	rt.notifyLocked()
}

func (rt *router) stopped() bool {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.dropped
}

// drop ends the router for everybody.
func (rt *router) drop() {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.dropped, rt.visible, rt.next = true, false, nil
	rt.notifyLocked()
}

// show makes readers see the router as the log has it, unless they are to see
// no more of it than its end.
func (rt *router) show(at wal.LSN) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.visible = true
	if rt.next != nil {
		rt.spec, rt.next = *rt.next, nil
	}
	if rt.changing == at {
		rt.changing = 0
	}
}

// linkLocked makes the router known to its ends. The registry's lock is held, or this
// is replay.
func (rt *router) linkLocked() {
	for _, end := range []*topic.Topic{rt.source, rt.dest} {
		if routesOf(end) == nil {
			rs := &routes{wake: make(chan struct{}, 1)}
			rs.links.Store(&noLinks)
			end.Routes.Store(rs)
		}
		l := *linked(end)
		if end == rt.source {
			l.out = append(slices.Clip(l.out), rt)
		} else {
			l.in = append(slices.Clip(l.in), rt)
		}
		routesOf(end).links.Store(&l)
	}
}

// unlink is link's inverse, for any number of routers.
func unlink(routers ...*router) {
	gone := make(map[*router]bool, len(routers))
	ends := make(map[*topic.Topic]bool, 2)
	for _, rt := range routers {
		gone[rt], ends[rt.source], ends[rt.dest] = true, true, true
	}
	for t := range ends {
		if rs := routesOf(t); rs != nil {
			l := rs.links.Load()
			rs.links.Store(&links{without(l.out, gone), without(l.in, gone)})
		}
	}
}

func without(list []*router, gone map[*router]bool) []*router {
	var out []*router
	for _, rt := range list {
		if !gone[rt] {
			out = append(out, rt)
		}
	}
	return out
}

// noLinks are those of a topic without routers.
var noLinks links

// linked returns t's routers.
func linked(t *topic.Topic) *links {
	if rs := routesOf(t); rs != nil {
		return rs.links.Load()
	}
	return &noLinks
}

// outgoing returns the routers that forward from t.
func outgoing(t *topic.Topic) []*router { return linked(t).out }

// incoming returns the routers that forward to t.
func incoming(t *topic.Topic) []*router { return linked(t).in }

// routed reports whether any router forwards from t or to it.
func routed(t *topic.Topic) bool {
	rs := routesOf(t)
	if rs == nil {
		return false
	}
	l := rs.links.Load()
	return len(l.out)+len(l.in) > 0
}
