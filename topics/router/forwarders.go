package router

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/e6e95bb8/topics/topics/lockorder"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Forwarders forward in the background.
type Forwarders struct {
	shared     *topic.Shared
	push       func(*topic.Topic) // has the topic's routers look, after others
	References references

	ctx   context.Context // ends with the registry
	stop  context.CancelFunc
	wg    sync.WaitGroup
	Slots chan struct{} // one held for each topic that is being forwarded from

	mu      lockorder.Mutex[lockorder.Forwarders] // guards what follows
	blocked map[*Router]struct{}
	// Without a background, as simulations have it, topics wait here for
	// Forward.
	manual bool
	due    map[*topic.Topic]struct{}
}

// references is where references to frames may begin.
type references struct {
	// Held for writing while a checkpoint begins, for reading while a frame gets
	// its place that refers to others.
	lockorder.RWMutex[lockorder.References]
	Floor wal.LSN // a frame may not refer to any before it
}

// MaxForwarders is how many topics are forwarded from at a time: each may wait
// for a sync.
const MaxForwarders = 32

func NewForwarders(s *topic.Shared, push func(*topic.Topic)) *Forwarders {
	f := &Forwarders{shared: s, push: push, Slots: make(chan struct{}, MaxForwarders), blocked: map[*Router]struct{}{}, manual: true, due: map[*topic.Topic]struct{}{}}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// End stops all forwarding and waits until it has ended.
func (f *Forwarders) End() {
	f.mu.Lock()
	f.stop()
	f.mu.Unlock()
	f.wg.Wait()
}

// begin runs forward in a goroutine, unless forwarding has ended.
func (f *Forwarders) begin(forward func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return false
	}
	f.wg.Go(forward)
	return true
}

// Route starts a goroutine that forwards from t. If there is one already, it looks at
// t once more.
func (f *Forwarders) Route(t *topic.Topic) {
	rs := RoutesOf(t)
	if rs == nil || f.defers(t) {
		return
	}
	rs.Mu.Lock()
	defer rs.Mu.Unlock()
	if rs.again = true; rs.running {
		return
	}
	rs.running = f.begin(func() {
		for ctx := f.ctx; rs.more(ctx); {
			rs.gather(ctx, len(Outgoing(t)))
			select {
			case f.Slots <- struct{}{}:
			case <-ctx.Done():
				continue
			}
			done := f.ForwardFrom(ctx, t)
			<-f.Slots
			if !done {
				f.push(t) // there may be others whose turn it is
			}
		}
	})
}

// defers notes t for Forward, if there is no background to do it.
func (f *Forwarders) defers(t *topic.Topic) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.manual {
		f.due[t] = struct{}{}
	}
	return f.manual
}

func (f *Forwarders) IsManual() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.manual
}

// Run has forwarding done in the background.
func (f *Forwarders) Run() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.manual = false
}

// TakeDue returns the topics that wait for Forward, in the order of their ids.
func (f *Forwarders) TakeDue() []*topic.Topic {
	f.mu.Lock()
	due := slices.Collect(maps.Keys(f.due))
	clear(f.due)
	f.mu.Unlock()
	slices.SortFunc(due, func(a, b *topic.Topic) int { return cmp.Compare(a.ID, b.ID) })
	return due
}

// Stuck returns the number of routers that have been blocked since before a time
// (Unix ms).
func (f *Forwarders) Stuck(before int64) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for rt := range f.blocked {
		rt.Mu.Lock()
		if rt.blocked != "" && rt.since < before && !rt.dropped {
			n++
		}
		rt.Mu.Unlock()
	}
	return n
}

// Block records why a router is blocked, or with nil that it is not.
func (f *Forwarders) Block(rt *Router, why error) {
	reason := ""
	if why != nil && !errors.Is(why, context.Canceled) {
		reason = "internal error"
		if e := new(record.Error); errors.As(why, &e) {
			reason = e.Message // and not its cause: clients read it
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	rt.Mu.Lock()
	defer rt.Mu.Unlock()
	rt.condition = conditionOf(why)
	if rt.dropped {
		reason = "" // it waits for nothing any more
	}
	if rt.blocked == reason {
		return
	}
	if rt.blocked == "" {
		rt.since = f.shared.Now()
	}
	rt.blocked = reason
	rt.notifyLocked()
	if reason == "" {
		delete(f.blocked, rt)
	} else {
		f.blocked[rt] = struct{}{}
	}
	f.shared.Counters.Blocked.Store(int64(len(f.blocked)))
}

// RetryBlocked has routers look again whether they still have to wait. Those
// whose destination changes do so at once.
func (f *Forwarders) RetryBlocked() {
	f.mu.Lock()
	list := make([]*Router, 0, len(f.blocked))
	for rt := range f.blocked {
		list = append(list, rt)
	}
	f.mu.Unlock()
	for _, rt := range list {
		rt.Mu.Lock()
		dropped := rt.dropped
		rt.Mu.Unlock()
		if dropped {
			f.Block(rt, nil)
			continue
		}
		f.push(rt.Source)
	}
}
