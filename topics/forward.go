package topics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/wal"
)

// # The way of a forwarded record
//
// A router reads what its source shows and appends one frame: where in the log
// the records are, the seqs that they have at the destination, and how far the
// router has come with it. So whatever a crash leaves of the log, a record is
// forwarded with the cursor behind it or not at all. The frame then goes the
// way of a write: it is visible at the destination once that topic's class
// holds for it.
//
// A frame refers to none that lies before the start of the last checkpoint:
// the log before it may be gone when the frame is replayed. What is older, or
// in memory only, is copied.

// A router takes no more at a time.
const (
	forwardRecords = 1000
	forwardBytes   = 1 << 20
)

// forwarders is what forwards in the background.
type forwarders struct {
	ctx   context.Context // ends with the registry
	stop  context.CancelFunc
	wg    sync.WaitGroup
	slots chan struct{} // held by whoever forwards from a topic

	mu      sync.Mutex
	blocked map[*router]struct{}
	// Without a background, as simulations have it, topics wait here for
	// Forward.
	manual bool
	due    map[*topic]struct{}
}

// maxForwarders is how many topics are forwarded from at a time: each may wait
// for a sync.
const maxForwarders = 32

func newForwarders() *forwarders {
	f := &forwarders{slots: make(chan struct{}, maxForwarders), blocked: map[*router]struct{}{}, manual: true, due: map[*topic]struct{}{}}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// end waits until nobody forwards any more.
func (f *forwarders) end() {
	f.mu.Lock()
	f.stop()
	f.mu.Unlock()
	f.wg.Wait()
}

// begin runs forward beside, unless all of it has ended.
func (f *forwarders) begin(forward func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return false
	}
	f.wg.Go(forward)
	return true
}

// route has somebody forward from t, unless somebody does: who looks once more
// then.
func (r *Registry) route(t *topic) {
	t.mu.RLock()
	rs := t.routes
	t.mu.RUnlock()
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
			rs.gather(ctx, len(t.outgoing()))
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

// gather waits for more to forward, unless somebody waits for it.
func (rs *routes) gather(ctx context.Context, routers int) {
	rest := min(time.Duration(routers)*gatherEach, gatherMost)
	if rest < gatherFrom {
		return
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-rs.hurry:
	case <-ctx.Done():
	}
}

// forwardRounds is how often in a row the routers of a topic take something
// before others get their turn.
const forwardRounds = 16

// defers notes t for Forward, if there is no background to do it.
func (f *forwarders) defers(t *topic) bool {
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
		slices.SortFunc(due, func(a, b *topic) int { return cmp.Compare(a.id, b.id) })
		for _, t := range due {
			for !r.forwardFrom(ctx, t) && ctx.Err() == nil {
			}
		}
	}
}

// run begins the background: everybody forwards who has something to.
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

// more says whether there is something to look at; if not nobody does any more.
func (rs *routes) more(ctx context.Context) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.running = rs.again && ctx.Err() == nil
	rs.again = false
	return rs.running
}

// forwardFrom forwards what t's routers have before them. done says that each is
// at the head or has to wait for something.
func (r *Registry) forwardFrom(ctx context.Context, t *topic) (done bool) {
	waiting := map[*router]bool{}
	for n := 0; n < forwardRounds && ctx.Err() == nil; n++ {
		// All of them first, so that they share a sync.
		var under []*forwarded
		moved := false
		shared := extracts{log: r.reader(), of: map[extractKey]*extract{}}
		for _, rt := range t.outgoing() {
			if waiting[rt] {
				continue
			}
			f, err := r.forward(ctx, rt, &shared)
			if f == nil || err != nil {
				waiting[rt] = true
				r.block(rt, err)
				continue
			}
			if moved = true; f.commit != nil {
				under = append(under, f)
			}
		}
		for _, f := range under {
			_, err := r.satisfy(f.commit)
			if err := r.publish(f.commit, err); err != nil {
				waiting[f.router] = true
				r.block(f.router, err)
				continue
			}
			f.router.advance(f.through)
		}
		if !moved {
			return true
		}
	}
	return false
}

// block notes why a router waits; nil: it does not.
func (r *Registry) block(rt *router, why error) {
	reason := ""
	if why != nil && !errors.Is(why, context.Canceled) {
		reason = why.Error()
	}
	r.forwarders.mu.Lock()
	defer r.forwarders.mu.Unlock()
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.dropped {
		reason = "" // it waits for nothing any more
	}
	if rt.blocked == reason {
		return
	}
	if rt.blocked == "" {
		rt.since = r.now()
	}
	rt.blocked = reason
	rt.notify()
	if reason == "" {
		delete(r.forwarders.blocked, rt)
	} else {
		r.forwarders.blocked[rt] = struct{}{}
	}
	r.totals.blocked.Store(int64(len(r.forwarders.blocked)))
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

// Stuck says how many routers have been waiting since before a time (Unix ms).
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

// forwarded is a step of a router: what it took has its place in the log.
type forwarded struct {
	router  *router
	through uint64
	commit  *commit // nil: there was nothing for the destination
}

// forward takes the next records of the router's source and gives them their
// place at its destination. nil: it is at the head, or at its end. errFull and
// others say why it has to wait.
func (r *Registry) forward(ctx context.Context, rt *router, shared *extracts) (*forwarded, error) {
	rt.mu.Lock()
	cursor, spec, active := rt.cursor, rt.spec, rt.visible && !rt.dropped
	rt.mu.Unlock()
	if !active {
		return nil, nil
	}
	x, err := r.extract(rt, &spec, cursor, shared)
	if x == nil || err != nil {
		return nil, err
	}
	for {
		if x.count > 0 {
			if _, err := r.log.Admit(ctx, len(x.records)+len(x.runs)*runSize+entryOverhead, false, true); err != nil {
				return nil, logError(err)
			}
		}
		f, err := r.assignForward(rt, x)
		switch {
		case errors.Is(err, wal.ErrBusy):
		case errors.Is(err, errCopy):
			if err := r.copyOut(x); r.outdated(err) {
				shared.forget()
				return r.forward(ctx, rt, shared)
			} else if err != nil {
				return nil, logError(err)
			}
		default:
			return f, err
		}
	}
}

// runSize is about what a run takes in a frame.
const runSize = 64

// errCopy says that an extract has to hold its records itself.
var errCopy = errors.New("topics: the records are to be copied")

// assignForward gives an extract its place, or as much of it as the
// destination has room for.
func (r *Registry) assignForward(rt *router, x *extract) (*forwarded, error) {
	r.refs.RLock() // no checkpoint begins meanwhile
	defer r.refs.RUnlock()
	if x.records == nil && x.oldest() < r.refs.floor {
		return nil, errCopy
	}
	t := rt.dest
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dropped {
		return nil, nil
	}
	if t.broken != nil {
		return nil, t.broken
	}
	if x.count > 0 {
		if t.next.Durability == Ephemeral && x.runs != nil {
			return nil, errCopy
		}
		if x.trim == 0 {
			fits := r.room(t, x)
			if fits == 0 {
				return nil, errFull(t)
			}
			x.cut(fits)
		}
		if t.assigned > math.MaxUint64-uint64(x.count)-maxReserve {
			return nil, invalidf("topic %q has no seqs left", t.name)
		}
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.dropped || rt.cursor != x.from {
		return nil, nil
	}
	f := &forwarded{router: rt, through: x.through}
	if x.count > 0 {
		c, err := r.enterForward(rt, t, x)
		if err != nil {
			return nil, err
		}
		f.commit = c
		if x.trim == 0 {
			rt.forwarded += uint64(x.count)
			r.totals.forwarded.Add(int64(x.count))
		}
	} else if rt.done == rt.cursor { // nothing is under way that comes before
		rt.done = x.through
		rt.notify()
	}
	rt.cursor = x.through
	return f, nil
}

// enterForward puts the frame into the log. The locks of the destination and of
// the router are held.
func (r *Registry) enterForward(rt *router, t *topic, x *extract) (*commit, error) {
	last := t.assigned + uint64(x.count)
	c := &commit{
		topic: t, class: t.next.Durability, begun: r.now(), sizes: x.sizes, bytes: x.bytes, tags: x.packed,
		entry: entry{
			typ: entryForward, id: t.id, ts: max(r.now(), t.assignedTS), first: t.assigned + 1, count: x.count,
			router: rt.id, cursor: x.through, runs: x.runs, trim: x.trim > 0, way: x.way,
		},
	}
	if err := r.enter(t, c, last, x.records); err != nil {
		return nil, err
	}
	c.entry.runs = nil // only the frame needs them
	if c.class == Ephemeral {
		// Not even the frame is in the log. That the records need not come
		// again is all that can be kept of them.
		note := entry{typ: entryForward, router: rt.id, cursor: x.through, ts: c.entry.ts, count: len(x.seqs), note: true}
		if span, err := r.logNow(&note); err == nil {
			rt.applied = span.End
		}
	} else {
		rt.applied = c.span.End
	}
	t.assigned, t.assignedTS = last, c.entry.ts
	t.waiting.records += int64(len(c.sizes))
	t.waiting.bytes += c.bytes
	t.pending = append(t.pending, c)
	return c, nil
}

// logNow appends an entry if there is room for it.
func (r *Registry) logNow(e *entry) (wal.Span, error) {
	payload, err := e.encode(nil)
	if err != nil {
		return wal.Span{}, err
	}
	return r.log.Append(e.typ, payload, nil, false)
}

// room is how many of the extract's records t takes. t.mu is held.
func (r *Registry) room(t *topic, x *extract) int {
	c := t.next
	if c.Discard != DiscardReject || c.CapRecords == 0 && c.CapBytes == 0 {
		return x.count
	}
	r.expire(t, r.now())
	n := x.count
	if c.CapRecords > 0 {
		n = int(min(int64(n), max(0, c.CapRecords-t.live.records-t.waiting.records)))
	}
	if c.CapBytes > 0 {
		left := c.CapBytes - t.live.bytes - t.waiting.bytes
		for i := range n {
			if left -= int64(x.sizes[i]); left < 0 {
				return i
			}
		}
	}
	return n
}

func errFull(t *topic) error {
	return &Error{
		Kind: KindFull, Message: fmt.Sprintf("topic %q is full and rejects", t.name),
		Detail: map[string]any{"topic": t.name},
	}
}
