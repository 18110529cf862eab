package topics

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
)

// catchUpWait is how long a read of a topic that routers feed waits at most for
// what its sources have acknowledged.
const catchUpWait = time.Second

// catchUp waits until the topic has what its sources, and theirs, had
// acknowledged when it was called; not for routers that have to wait
// themselves.
func (r *Registry) catchUp(ctx context.Context, name string) {
	t := r.catalog.Lookup(name)
	if t == nil || len(router.Incoming(t)) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpWait)
	defer cancel()
	r.awaitRouters(ctx, t, map[*topic.Topic]bool{t: true})
}

// awaitRouters waits for the routers to t, but first for those to their sources.
func (r *Registry) awaitRouters(ctx context.Context, t *topic.Topic, seen map[*topic.Topic]bool) {
	for _, rt := range router.Incoming(t) {
		if !seen[rt.Source] {
			seen[rt.Source] = true
			r.awaitRouters(ctx, rt.Source, seen)
		}
		r.awaitRouter(ctx, rt, rt.Source.CurrentHead())
	}
}

// letRoutersPass waits until the routers from t have taken its records up to seq, at
// most for catchUpWait; not for routers that have to wait themselves. A router passes
// over records that are gone, and a job is one that every router is to take: so this
// comes before the end of a job.
func (r *Registry) letRoutersPass(ctx context.Context, t *topic.Topic, seq uint64) {
	out := router.Outgoing(t)
	if len(out) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpWait)
	defer cancel()
	seq = min(seq, t.CurrentHead())
	for _, rt := range out {
		r.awaitRouter(ctx, rt, seq)
	}
}

// awaitRouter waits until a router has passed a seq of its source, or is blocked.
func (r *Registry) awaitRouter(ctx context.Context, rt *router.Router, seq uint64) {
	for ctx.Err() == nil {
		changed := rt.Behind(seq)
		if changed == nil {
			return
		}
		r.wake(rt.Source)
		if r.forwarders.IsManual() {
			r.Forward(ctx)
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// wake forwards from t without delay, for a reader that waits.
func (r *Registry) wake(t *topic.Topic) {
	r.forwarders.Route(t)
	select {
	case router.RoutesOf(t).Wake <- struct{}{}:
	default:
	}
}
