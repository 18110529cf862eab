package jobs

import (
	"context"
	"sync/atomic"

	"github.com/e6e95bb8/topics/topics/catalog"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Queues gives jobs to those who wait for them, ends them, and moves them to their
// dead-letter topics and back. Its methods for clients may be called from any goroutine
// between Start and Close.
type Queues struct {
	shared   *topic.Shared
	catalog  *catalog.Catalog
	host     Host
	keeper   *keeper
	serving  bool        // those who wait are served: Start was called
	draining atomic.Bool // nothing is delivered any more; see StopDelivering
}

// Host does for queues what concerns more than topics. Its methods are called with no
// lock held.
type Host interface {
	// Read reads a topic as a client does.
	Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error)
	// LetRoutersPass waits until the routers from t have taken its records up to seq,
	// for a bounded time.
	LetRoutersPass(ctx context.Context, t *topic.Topic, seq uint64)
	// Create makes a topic, unless there is one of that name. It reports whether it
	// made it, and returns when that is durable.
	Create(ctx context.Context, name string, cfg *record.Config) (created bool, err error)
}

// New returns what serves the queues of a catalog. It does nothing before Start.
func New(shared *topic.Shared, c *catalog.Catalog, host Host) *Queues {
	return &Queues{shared: shared, catalog: c, host: host, keeper: newKeeper()}
}

// Start makes the queues what a restart makes of them, and serves them.
func (qs *Queues) Start() {
	qs.serving = true
	for _, t := range qs.catalog.All() {
		t.Mu.Lock()
		if t.Jobs != nil {
			t.Jobs.Queue.Restart()
			qs.ServeLocked(t)
		}
		t.Mu.Unlock()
	}
}

// Run starts the goroutines of the queues: without them, Tend has to be called. Close
// ends them.
func (qs *Queues) Run() { qs.keeper.run(qs) }

// Close ends the goroutines and everything that waits for jobs.
func (qs *Queues) Close() {
	qs.keeper.stop()
	qs.StopDelivering()
	qs.endWorkers()
}
