package topics

import (
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// keyHash hashes an idempotency key under the registry's seed.
func (r *Registry) keyHash(key []byte) index.KeyHash { return index.HashKey(key, r.keySeed) }

// keyViewLocked returns a view of the topic's keys for a checkpoint. After a restart
// only the wall clock is known, which may be wrong now and right then. If it may
// be slow now, keys are recorded as used later than they were, because a key
// must never be forgotten too early. t.mu is held.
func (t *topic) keyViewLocked(now clock.Moment) index.KeysView {
	notBefore := int64(math.MinInt64)
	if t.assignedTS-now.Wall > clock.MaxStep {
		notBefore = t.assignedTS
	}
	return t.keys.View(max(0, now.Ahead()), notBefore)
}

// takeKey reserves memory for one more key from what all topics share. The
// reservation is given back when the write is published or has failed. Replay
// does not reserve: keys found at a restart are never refused.
func (r *Registry) takeKey() error {
	limit := r.opts.IdempotencyBytes
	if held := r.totals.keys.bytes.Add(index.KeyUseBytes); limit <= 0 || held-index.KeyUseBytes < limit {
		return nil
	}
	r.giveKey()
	r.totals.keys.refused.Add(1)
	return &record.Error{
		Kind: record.KindThrottled,
		Message: fmt.Sprintf("idempotency keys fill the %d bytes of memory they may use; nothing was appended: "+
			"write again when the windows of some are over, or without a key", limit),
		Detail: map[string]any{"limit": "idempotency_bytes", "max": limit},
	}
}

// giveKey gives back what takeKey reserved.
func (r *Registry) giveKey() { r.totals.keys.bytes.Add(-index.KeyUseBytes) }

// changeKeysLocked changes a topic's keys and updates the totals. t.mu is held.
func (r *Registry) changeKeysLocked(t *topic, change func(w *index.Keys)) {
	before := t.keys.Usage()
	change(&t.keys)
	after := t.keys.Usage()
	r.totals.keys.held.Add(after.Keys - before.Keys)
	r.totals.keys.bytes.Add(after.Bytes - before.Bytes)
}

// expireKeysLocked removes t's keys whose window has ended at now. t.mu is held.
func (r *Registry) expireKeysLocked(t *topic, now int64) {
	at, any := t.keys.Oldest()
	if any && t.cfg != nil && now-at > t.cfg.IdempotencyWindowMS {
		r.changeKeysLocked(t, func(w *index.Keys) { w.Expire(now, t.cfg.IdempotencyWindowMS) })
	}
}
