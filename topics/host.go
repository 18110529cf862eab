package topics

import (
	"context"

	"github.com/e6e95bb8/topics/topics/follow"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// host does for the topics of a registry what concerns others, too.
type host struct{ r *Registry }

// Changed puts t in line for its subscribers and routers.
func (h host) Changed(t *topic.Topic) {
	if router.Routed(t) || h.r.subscriptions.Wants(t.Name) {
		h.r.deliveries.push(t)
	}
}

// Born records for t's subscribers that it was created.
func (h host) Born(t *topic.Topic) { h.record(t, false) }

// Dies records for t's subscribers that it is about to be deleted.
func (h host) Dies(t *topic.Topic) { h.record(t, true) }

func (h host) record(t *topic.Topic, deleted bool) {
	if !h.r.subscriptions.Wants(t.Name) {
		return
	}
	h.r.subscriptions.Record(follow.Lifecycle{Topic: t.Name, ID: t.ID, Deleted: deleted, Head: t.Head})
	h.r.deliveries.push(t)
}

// Gone ends the queue of a deleted topic and the sweeper's visits.
func (h host) Gone(t *topic.Topic) {
	h.r.queues.EndLocked(t)
	h.r.sweeper.visited(t, 0, false)
}

// Visit has the sweeper come by t at its next round.
func (h host) Visit(t *topic.Topic) { h.r.sweeper.visit(t) }

// Serve gives the jobs of t that are ready to those who wait for them.
func (h host) Serve(t *topic.Topic) { h.r.queues.ServeLocked(t) }

// Abandon takes the name from a topic whose creation failed.
func (h host) Abandon(t *topic.Topic) {
	r := h.r
	t.Mu.Lock()
	defer t.Mu.Unlock()
	r.catalog.Mu.Lock()
	defer r.catalog.Mu.Unlock()
	t.Dropped = true
	r.catalog.ForgetLocked(t)
	t.WakeLocked()
}

// AwaitChange waits until the change at that position is durable, and shows it.
func (h host) AwaitChange(at wal.LSN) error { return h.r.changes.Await(at) }

// queueHost does for the queues of a registry what concerns more than topics.
type queueHost struct{ *Registry }

// LetRoutersPass waits until the routers from t have taken its records up to seq.
func (h queueHost) LetRoutersPass(ctx context.Context, t *topic.Topic, seq uint64) {
	h.letRoutersPass(ctx, t, seq)
}

// Create makes a topic, unless there is one of that name.
func (h queueHost) Create(ctx context.Context, name string, cfg *record.Config) (created bool, err error) {
	out, err := h.configure(ctx, name, func(present *record.Config) (record.Config, error) {
		if present != nil {
			return *present, nil
		}
		return *cfg, nil
	})
	return out.Created, err
}
