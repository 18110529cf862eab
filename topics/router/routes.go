package router

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/topic"
)

// routes are a topic's routers.
type routes struct {
	links atomic.Pointer[links] // changed with the registry's lock held, read without

	Wake chan struct{} // capacity 1: a reader waits for records to be forwarded

	Mu      lockorder.Mutex[lockorder.Routes] // guards what follows
	running bool                              // a goroutine forwards from the topic
	again   bool                              // and is to look once more
}

// RoutesOf returns the routes of a topic; nil if it never had any.
func RoutesOf(t *topic.Topic) *routes {
	rs, _ := t.Routes.Load().(*routes)
	return rs
}

// links are the routers from a topic and those to it. They are never changed in
// place.
type links struct{ Out, In []*Router }

// noLinks are those of a topic without routers.
var noLinks links

// LinkLocked makes the router known to its ends. The registry's lock is held, or this
// is replay.
func (rt *Router) LinkLocked() {
	for _, end := range []*topic.Topic{rt.Source, rt.Dest} {
		if RoutesOf(end) == nil {
			rs := &routes{Wake: make(chan struct{}, 1)}
			rs.links.Store(&noLinks)
			end.Routes.Store(rs)
		}
		l := *Linked(end)
		if end == rt.Source {
			l.Out = append(slices.Clip(l.Out), rt)
		} else {
			l.In = append(slices.Clip(l.In), rt)
		}
		RoutesOf(end).links.Store(&l)
	}
}

// Unlink is link's inverse, for any number of routers.
func Unlink(routers ...*Router) {
	gone := make(map[*Router]bool, len(routers))
	ends := make(map[*topic.Topic]bool, 2)
	for _, rt := range routers {
		gone[rt], ends[rt.Source], ends[rt.Dest] = true, true, true
	}
	for t := range ends {
		if rs := RoutesOf(t); rs != nil {
			l := rs.links.Load()
			rs.links.Store(&links{without(l.Out, gone), without(l.In, gone)})
		}
	}
}

func without(list []*Router, gone map[*Router]bool) []*Router {
	var out []*Router
	for _, rt := range list {
		if !gone[rt] {
			out = append(out, rt)
		}
	}
	return out
}

// Linked returns t's routers.
func Linked(t *topic.Topic) *links {
	if rs := RoutesOf(t); rs != nil {
		return rs.links.Load()
	}
	return &noLinks
}

// Outgoing returns the routers that forward from t.
func Outgoing(t *topic.Topic) []*Router { return Linked(t).Out }

// Incoming returns the routers that forward to t.
func Incoming(t *topic.Topic) []*Router { return Linked(t).In }

// Routed reports whether any router forwards from t or to it.
func Routed(t *topic.Topic) bool {
	rs := RoutesOf(t)
	if rs == nil {
		return false
	}
	l := rs.links.Load()
	return len(l.Out)+len(l.In) > 0
}

// With many routers a forwarder waits so long for each before it begins, but no
// longer than a client notices: the writer's answer goes out first, and what is
// written meanwhile shares the frames.
const (
	gatherEach = 10 * time.Microsecond
	gatherMost = time.Millisecond
	gatherFrom = 100 * time.Microsecond // less is not worth a timer
)

// gather waits for more to forward, unless a reader waits.
func (rs *routes) gather(ctx context.Context, routers int) {
	rest := min(time.Duration(routers)*gatherEach, gatherMost)
	if rest < gatherFrom {
		return
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-rs.Wake:
	case <-ctx.Done():
	}
}

// more reports whether the topic must be looked at again. If not, its goroutine ends.
func (rs *routes) more(ctx context.Context) bool {
	rs.Mu.Lock()
	defer rs.Mu.Unlock()
	rs.running = rs.again && ctx.Err() == nil
	rs.again = false
	return rs.running
}
