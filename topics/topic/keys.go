package topic

import (
	"bytes"
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/topics/clock"
	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/record"
)

// KeyViewLocked returns a view of the topic's keys for a checkpoint. After a restart
// only the wall clock is known, which may be wrong now and right then. If it may
// be slow now, keys are recorded as used later than they were, because a key
// must never be forgotten too early. t.Mu is held.
func (t *Topic) KeyViewLocked(now clock.Moment) index.KeysView {
	notBefore := int64(math.MinInt64)
	if t.AssignedTS-now.Wall > clock.MaxStep {
		notBefore = t.AssignedTS
	}
	return t.Keys.View(max(0, now.Ahead()), notBefore)
}

// takeKey reserves the memory that one more key takes from what all topics share. The
// reservation is given back when the write is published or has failed. Replay
// does not reserve: keys found at a restart are never refused.
func (s *Shared) takeKey(bytes int64) error {
	limit := s.Limits.IdempotencyBytes
	if held := s.Counters.keys.bytes.Add(bytes); limit <= 0 || held-bytes < limit {
		return nil
	}
	s.giveKey(bytes)
	s.Counters.keys.refused.Add(1)
	return &record.Error{
		Kind: record.KindThrottled,
		Message: fmt.Sprintf("idempotency keys fill the %d bytes of memory they may use; nothing was appended: "+
			"write again when the windows of some are over, or without a key", limit),
		Detail: map[string]any{"limit": "idempotency_bytes", "max": limit},
	}
}

// keyBytes returns the memory that the key of an entry takes.
func keyBytes(e *entry.Append) int64 { return index.KeyBytes(len(e.Deduped.Packed())) }

// giveKey gives back what takeKey reserved.
func (s *Shared) giveKey(bytes int64) { s.Counters.keys.bytes.Add(-bytes) }

// useKey records the key of an entry that is applied, used at a time on the steady
// clock. t.Mu is held.
func (t *Topic) useKey(e *entry.Append, at int64, f Parts) {
	u := index.KeyUse{Hash: t.Shared.KeyHash(e.Key), At: at, First: e.First, Count: uint32(e.Count), Ephemeral: f.body != nil}
	t.ChangeKeysLocked(func(w *index.Keys) {
		w.Expire(f.Came.Steady, t.Config.IdempotencyWindowMS)
		w.Add(u, t.Config.IdempotencyWindowMS)
		if e.Deduped != nil {
			w.Deduped(w.Len()-1, bytes.Clone(e.Deduped.Packed())) // a replayed one is the frame's
		}
	})
}

// ChangeKeysLocked changes a topic's keys and updates the totals. t.Mu is held.
func (t *Topic) ChangeKeysLocked(change func(w *index.Keys)) {
	before := t.Keys.Usage()
	change(&t.Keys)
	after := t.Keys.Usage()
	t.Shared.Counters.keys.held.Add(after.Keys - before.Keys)
	t.Shared.Counters.keys.bytes.Add(after.Bytes - before.Bytes)
}

// ExpireKeysLocked removes t's keys whose window has ended at now. t.Mu is held.
func (t *Topic) ExpireKeysLocked(now int64) {
	at, any := t.Keys.Oldest()
	if any && t.Config != nil && now-at > t.Config.IdempotencyWindowMS {
		t.ChangeKeysLocked(func(w *index.Keys) { w.Expire(now, t.Config.IdempotencyWindowMS) })
	}
}
