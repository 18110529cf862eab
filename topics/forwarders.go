package topics

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// forwarders forward in the background.
type forwarders struct {
	ctx   context.Context // ends with the registry
	stop  context.CancelFunc
	wg    sync.WaitGroup
	slots chan struct{} // one held for each topic that is being forwarded from

	mu      lockorder.Mutex[lockorder.Forwarders] // guards what follows
	blocked map[*router]struct{}
	// Without a background, as simulations have it, topics wait here for
	// Forward.
	manual bool
	due    map[*topic.Topic]struct{}
}

// maxForwarders is how many topics are forwarded from at a time: each may wait
// for a sync.
const maxForwarders = 32

func newForwarders() *forwarders {
	f := &forwarders{slots: make(chan struct{}, maxForwarders), blocked: map[*router]struct{}{}, manual: true, due: map[*topic.Topic]struct{}{}}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// end stops all forwarding and waits until it has ended.
func (f *forwarders) end() {
	f.mu.Lock()
	f.stop()
	f.mu.Unlock()
	f.wg.Wait()
}

// begin runs forward in a goroutine, unless forwarding has ended.
func (f *forwarders) begin(forward func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return false
	}
	f.wg.Go(forward)
	return true
}

// route starts a goroutine that forwards from t. If there is one already, it looks at
// t once more.
func (r *Registry) route(t *topic.Topic) {
	rs := routesOf(t)
	if rs == nil || r.forwarders.defers(t) {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.again = true; rs.running {
		return
	}
	rs.running = r.forwarders.begin(func() {
		for ctx := r.forwarders.ctx; rs.more(ctx); {
			rs.gather(ctx, len(outgoing(t)))
			select {
			case r.forwarders.slots <- struct{}{}:
			case <-ctx.Done():
				continue
			}
			done := r.forwardFrom(ctx, t)
			<-r.forwarders.slots
			if !done {
				r.push(t) // there may be others whose turn it is
			}
		}
	})
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

// defers notes t for Forward, if there is no background to do it.
func (f *forwarders) defers(t *topic.Topic) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.manual {
		f.due[t] = struct{}{}
	}
	return f.manual
}

func (f *forwarders) isManual() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.manual
}

// Forward does what the background would: it forwards until every router is at
// its source's head, or waits. Only without RunSweeper.
func (r *Registry) Forward(ctx context.Context) {
	r.routeAll()
	for ctx.Err() == nil {
		r.Deliver()
		r.forwarders.mu.Lock()
		due := slices.Collect(maps.Keys(r.forwarders.due))
		clear(r.forwarders.due)
		r.forwarders.mu.Unlock()
		if len(due) == 0 {
			return
		}
		slices.SortFunc(due, func(a, b *topic.Topic) int { return cmp.Compare(a.ID, b.ID) })
		for _, t := range due {
			for !r.forwardFrom(ctx, t) && ctx.Err() == nil {
			}
		}
	}
}

// run starts forwarding in the background, from every topic that has routers.
func (f *forwarders) run(r *Registry) {
	f.mu.Lock()
	f.manual = false
	f.mu.Unlock()
	r.routeAll()
}

// routeAll has every router look whether there is something to forward.
func (r *Registry) routeAll() {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.routers.byName.Scan(func(_ string, rt *router) bool {
		r.push(rt.source)
		return true
	})
}

// more reports whether the topic must be looked at again. If not, its goroutine ends.
func (rs *routes) more(ctx context.Context) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.running = rs.again && ctx.Err() == nil
	rs.again = false
	return rs.running
}

// block records why a router is blocked, or with nil that it is not.
func (r *Registry) block(rt *router, why error) {
	reason := ""
	if why != nil && !errors.Is(why, context.Canceled) {
		reason = "internal error"
		if e := new(record.Error); errors.As(why, &e) {
			reason = e.Message // and not its cause: clients read it
		}
	}
	r.forwarders.mu.Lock()
	defer r.forwarders.mu.Unlock()
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.condition = conditionOf(why)
	if rt.dropped {
		reason = "" // it waits for nothing any more
	}
	if rt.blocked == reason {
		return
	}
	if rt.blocked == "" {
		rt.since = r.shared.Now()
	}
	rt.blocked = reason
	rt.notifyLocked()
	if reason == "" {
		delete(r.forwarders.blocked, rt)
	} else {
		r.forwarders.blocked[rt] = struct{}{}
	}
	r.shared.Counters.Blocked.Store(int64(len(r.forwarders.blocked)))
}

// retryBlocked has routers look again whether they still have to wait. Those
// whose destination changes do so at once.
func (r *Registry) retryBlocked() {
	r.forwarders.mu.Lock()
	list := make([]*router, 0, len(r.forwarders.blocked))
	for rt := range r.forwarders.blocked {
		list = append(list, rt)
	}
	r.forwarders.mu.Unlock()
	for _, rt := range list {
		rt.mu.Lock()
		dropped := rt.dropped
		rt.mu.Unlock()
		if dropped {
			r.block(rt, nil)
			continue
		}
		r.push(rt.source)
	}
}

// Stuck returns the number of routers that have been blocked since before a time (Unix ms).
// Why each of them does is in its state.
func (r *Registry) Stuck(before int64) (n int) {
	r.forwarders.mu.Lock()
	defer r.forwarders.mu.Unlock()
	for rt := range r.forwarders.blocked {
		rt.mu.Lock()
		if rt.blocked != "" && rt.since < before && !rt.dropped {
			n++
		}
		rt.mu.Unlock()
	}
	return n
}
