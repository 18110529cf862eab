package topics

import (
	"context"
	"math/rand/v2"
	"strings"

	"github.com/e6e95bb8/topics/topics/catalog"
	"github.com/e6e95bb8/topics/topics/changes"
	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/jobs"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/replay"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Options bound what the registry holds.
type Options struct {
	MaxTopics      int          // or 0 for no limit
	MaxRouters     int          // 0: no limit
	MaxRouterWays  int          // most paths that a record of any topic may take, or 0 for no limit
	EphemeralBytes int64        // memory for ephemeral records, or 0 for no limit
	Now            func() int64 // wall clock in Unix ms, or nil for the system's
	Elapsed        func() int64 // ms since some moment, or nil to follow Now, or the system's clock

	// IdempotencyBytes is memory for idempotency keys: a write with one that is
	// not known is refused while they take more. 0: no limit.
	IdempotencyBytes int64
}

// Registry holds all topics. Replay fills it, Start gives it
// the log to write to, Close ends its background. All other methods may be called
// from any goroutine between Start and Close; those that only report (Totals,
// Busiest) from the beginning.
type Registry struct {
	shared  *topic.Shared
	sweeper sweeper

	subscriptions *follow.Hub
	deliveries    *deliveries
	forwarders    *router.Forwarders

	catalog   *catalog.Catalog
	queues    *jobs.Queues
	routers   *router.Table // catalog.Mu guards it, except what says otherwise
	replaying *replay.Replay
	changes   *changes.Changes
	routing   *Routing
}

// New returns an empty registry.
func New(opts Options) *Registry {
	r := &Registry{
		shared: &topic.Shared{
			Limits: topic.Limits{EphemeralBytes: opts.EphemeralBytes, IdempotencyBytes: opts.IdempotencyBytes},
			Clock:  clock.New(opts.clock()), KeySeed: rand.Uint64(),
		},
		routers: router.NewTable(),
	}
	r.shared.Host = host{r}
	r.catalog = catalog.New(r.shared, opts.MaxTopics)
	r.subscriptions = follow.NewHub(r.catalog.EachVisible)
	r.deliveries = newDeliveries(r.shared, r.subscriptions)
	r.changes = changes.New(r.shared, r.catalog, r.routers)
	r.replaying = replay.New(r.shared, r.catalog, r.routers)
	r.queues = jobs.New(r.shared, r.catalog, queueHost{r})
	r.forwarders = router.NewForwarders(r.shared, r.deliveries.push)
	r.deliveries.forwarders = r.forwarders
	r.routing = &Routing{
		shared: r.shared, catalog: r.catalog, table: r.routers, changes: r.changes, push: r.deliveries.push,
		limits: routerLimits{routers: opts.MaxRouters, paths: opts.MaxRouterWays},
	}
	return r
}

func (o *Options) clock() func() (wall, elapsed int64) {
	switch {
	case o.Now == nil:
		return clock.System()
	case o.Elapsed == nil:
		return clock.FromWall(o.Now)
	}
	return func() (wall, elapsed int64) { return o.Now(), o.Elapsed() }
}

// Replay returns what fills the registry before Start.
func (r *Registry) Replay() *replay.Replay { return r.replaying }

// Routing returns what makes and lists the registry's routers.
func (r *Registry) Routing() *Routing { return r.routing }

// Queues returns what serves the registry's queues.
func (r *Registry) Queues() *jobs.Queues { return r.queues }

// Start gives the registry the log that all of Replay's frames came from. It
// takes writes from now on.
func (r *Registry) Start(log *wal.Log) {
	r.shared.Log = log
	r.shared.Gauge.Store(topic.QueueGauge(log))
	r.shared.Counters.Restart()
	r.replaying.End()
	r.forwarders.References.Floor = log.Tail()
	r.queues.Start()
}

// Close ends the background, notes what it would have, and, so that an orderly
// end skips no seqs, gives back what ephemeral topics had reserved. The log is
// the caller's to close. A write that comes all the same reserves anew, or is
// refused by the log.
func (r *Registry) Close(ctx context.Context) error {
	r.shared.Closing.Store(true)
	r.queues.Close()
	r.deliveries.stop()
	r.forwarders.End()
	r.sweeper.stop()
	r.Sweep(ctx)
	for _, t := range r.catalog.All() {
		if err := t.ReleaseSeqs(); err != nil {
			return err
		}
	}
	return nil
}

// State reports one topic; touch marks it as read now.
func (r *Registry) State(name string, touch bool) (topic.State, error) {
	t, err := r.open(name)
	if err != nil {
		return topic.State{}, err
	}
	now := r.shared.Now()
	s := t.StateOf(now)
	if touch {
		t.Touch(now)
	}
	return s, nil
}

// Head returns the last seq of a topic. It is what a reader that may have everything asks
// for: State takes longer, and that of a queue longer still.
func (r *Registry) Head(name string) (uint64, error) {
	t, err := r.open(name)
	if err != nil {
		return 0, err
	}
	defer t.Mu.RUnlock()
	return t.Head, nil
}

// open returns the visible topic of that name with its expired records gone
// and t.Mu held for reading.
func (r *Registry) open(name string) (*topic.Topic, error) {
	now := r.shared.Steady()
	t := r.catalog.Lookup(name)
	if t == nil {
		return nil, record.NotFound(name)
	}
	t.Mu.RLock()
	if t.Due(now) {
		t.Mu.RUnlock()
		t.Mu.Lock()
		t.ExpireLocked(now)
		t.Mu.Unlock()
		t.Mu.RLock()
	}
	if !t.Visible {
		t.Mu.RUnlock()
		return nil, record.NotFound(name)
	}
	return t, nil
}

// List returns up to limit topics with names above after that begin with
// prefix, sorted by name, and whether there are more.
func (r *Registry) List(prefix, after string, limit int) (page []topic.State, more bool) {
	page, _, more = r.list(prefix, after, limit)
	return page, more
}

// list is List, with the topics' ids.
func (r *Registry) list(prefix, after string, limit int) (page []topic.State, ids []uint64, more bool) {
	now := r.shared.Now()
	var found []*topic.Topic
	r.catalog.Mu.RLock()
	r.catalog.ByName.Ascend(max(prefix, after), func(name string, t *topic.Topic) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		if name != after && t.IsVisible() {
			found = append(found, t)
		}
		return len(found) <= limit
	})
	r.catalog.Mu.RUnlock()
	if more = len(found) > limit; more {
		found = found[:limit]
	}
	for _, t := range found {
		if t, err := r.open(t.Name); err == nil {
			page, ids = append(page, t.StateOf(now)), append(ids, t.ID)
		}
	}
	if more && len(page) == 0 && len(found) > 0 { // all deleted meanwhile
		return r.list(prefix, found[len(found)-1].Name, limit)
	}
	return page, ids, more
}
