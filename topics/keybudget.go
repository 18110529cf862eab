package topics

import (
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

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
func (s *shared) takeKey() error {
	limit := s.limits.IdempotencyBytes
	if held := s.totals.keys.bytes.Add(index.KeyUseBytes); limit <= 0 || held-index.KeyUseBytes < limit {
		return nil
	}
	s.giveKey()
	s.totals.keys.refused.Add(1)
	return &record.Error{
		Kind: record.KindThrottled,
		Message: fmt.Sprintf("idempotency keys fill the %d bytes of memory they may use; nothing was appended: "+
			"write again when the windows of some are over, or without a key", limit),
		Detail: map[string]any{"limit": "idempotency_bytes", "max": limit},
	}
}

// giveKey gives back what takeKey reserved.
func (s *shared) giveKey() { s.totals.keys.bytes.Add(-index.KeyUseBytes) }

// changeKeysLocked changes a topic's keys and updates the totals. t.mu is held.
func (t *topic) changeKeysLocked(change func(w *index.Keys)) {
	before := t.keys.Usage()
	change(&t.keys)
	after := t.keys.Usage()
	t.shared.totals.keys.held.Add(after.Keys - before.Keys)
	t.shared.totals.keys.bytes.Add(after.Bytes - before.Bytes)
}

// expireKeysLocked removes t's keys whose window has ended at now. t.mu is held.
func (t *topic) expireKeysLocked(now int64) {
	at, any := t.keys.Oldest()
	if any && t.cfg != nil && now-at > t.cfg.IdempotencyWindowMS {
		t.changeKeysLocked(func(w *index.Keys) { w.Expire(now, t.cfg.IdempotencyWindowMS) })
	}
}
