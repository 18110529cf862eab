package topics

import "github.com/e6e95bb8/topics/topics/follow"

// host does for the topics of a registry what concerns others, too.
type host struct{ r *Registry }

// Changed puts t in line for its subscribers and routers.
func (h host) Changed(t *topic) {
	if t.routed() || h.r.subscriptions.Wants(t.name) {
		h.r.push(t)
	}
}

// Born records for t's subscribers that it was created.
func (h host) Born(t *topic) { h.record(t, false) }

// Dies records for t's subscribers that it is about to be deleted.
func (h host) Dies(t *topic) { h.record(t, true) }

func (h host) record(t *topic, deleted bool) {
	if !h.r.subscriptions.Wants(t.name) {
		return
	}
	h.r.subscriptions.Record(follow.Lifecycle{Topic: t.name, ID: t.id, Deleted: deleted, Head: t.head})
	h.r.push(t)
}

// Visit has the sweeper come by t at its next round.
func (h host) Visit(t *topic) { h.r.sweeper.visit(t) }

// Serve gives the jobs of t that are ready to those who wait for them.
func (h host) Serve(t *topic) { h.r.serve(t) }

// Abandon takes the name from a topic whose creation failed.
func (h host) Abandon(t *topic) {
	r := h.r
	t.mu.Lock()
	defer t.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	t.dropped = true
	if cur, _ := r.byName.Get(t.name); cur == t {
		r.byName.Delete(t.name)
		r.dead.forget(t.name)
	}
	t.wakeLocked()
}
