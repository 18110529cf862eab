package topics

import (
	"context"
	"time"

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
	if t == nil || len(incoming(t)) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpWait)
	defer cancel()
	r.awaitRouters(ctx, t, map[*topic.Topic]bool{t: true})
}

// awaitRouters waits for the routers to t, but first for those to their sources.
func (r *Registry) awaitRouters(ctx context.Context, t *topic.Topic, seen map[*topic.Topic]bool) {
	for _, rt := range incoming(t) {
		if !seen[rt.source] {
			seen[rt.source] = true
			r.awaitRouters(ctx, rt.source, seen)
		}
		rt.source.Mu.RLock()
		head := rt.source.Head
		rt.source.Mu.RUnlock()
		for ctx.Err() == nil {
			changed := rt.behind(head)
			if changed == nil {
				break
			}
			if r.wake(rt.source); r.forwarders.isManual() {
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
	r.forwarders.route(t)
	select {
	case routesOf(t).wake <- struct{}{}:
	default:
	}
}
