package topics

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

// noLinks are those of a topic without routers.
var noLinks links

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
	case <-rs.wake:
	case <-ctx.Done():
	}
}

// more reports whether the topic must be looked at again. If not, its goroutine ends.
func (rs *routes) more(ctx context.Context) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.running = rs.again && ctx.Err() == nil
	rs.again = false
	return rs.running
}
