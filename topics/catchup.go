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
	t := r.lookup(name)
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
		rt.Source.Mu.RLock()
		head := rt.Source.Head
		rt.Source.Mu.RUnlock()
		for ctx.Err() == nil {
			changed := rt.Behind(head)
			if changed == nil {
				break
			}
			if r.wake(rt.Source); r.forwarders.IsManual() {
				r.Forward(ctx)
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
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
