package topics

import (
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/topics/record"
)

// check holds the write against the topic's head and caps.
func (t *topic) checkLocked(w *Write, b *batch, now int64) error {
	if w.ExpectedHead != nil && *w.ExpectedHead != t.assigned {
		return &record.Error{
			Kind:    record.KindSeqMismatch,
			Message: fmt.Sprintf("expected_head_seq is %d, the head of topic %q is %d", *w.ExpectedHead, t.name, t.assigned),
			Detail:  map[string]any{"topic": t.name, "expected": *w.ExpectedHead, "head_seq": t.assigned},
		}
	}
	c, n := t.next, int64(len(b.sizes))
	if c.CapRecords > 0 && n > c.CapRecords || c.CapBytes > 0 && b.bytes > c.CapBytes {
		return &record.Error{
			Kind:    record.KindRecordTooLarge,
			Message: fmt.Sprintf("a write of %d records and %d bytes is larger than topic %q may ever hold", n, b.bytes, t.name),
			Detail:  map[string]any{"topic": t.name, "cap_records": c.CapRecords, "cap_bytes": c.CapBytes, "records": n, "bytes": b.bytes},
		}
	}
	if t.assigned > math.MaxUint64-uint64(n)-maxReserve {
		return record.Invalid("topic %q has no seqs left", t.name)
	}
	if c.Discard != record.DiscardReject {
		return nil
	}
	t.expireLocked(now)
	if c.CapRecords > 0 && t.live.Records+t.line.size.Records+n > c.CapRecords ||
		c.CapBytes > 0 && t.live.Bytes+t.line.size.Bytes+b.bytes > c.CapBytes {
		return &record.Error{
			Kind:    record.KindFull,
			Message: fmt.Sprintf("topic %q is full and rejects", t.name),
			Detail: map[string]any{"topic": t.name, "cap_records": c.CapRecords, "cap_bytes": c.CapBytes,
				"head_seq": t.head, "earliest_seq": t.earliest()},
		}
	}
	return nil
}

// Repeats reports whether a write's idempotency key is known: then it appends
// nothing, and needs no room.
func (r *Registry) Repeats(name string, w *Write) bool { return r.repeat(name, w) != nil }

// repeat is repeatedLocked for callers without the topic or its lock.
func (r *Registry) repeat(name string, w *Write) *Pending {
	if w.IdempotencyKey == "" {
		return nil
	}
	t := r.lookup(name)
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.dropped {
		return nil
	}
	return t.repeatedLocked(w, r.shared.steady())
}

// repeatedLocked answers a write whose idempotency key is known: published inside
// the window, or still on its way.
func (t *topic) repeatedLocked(w *Write, now int64) *Pending {
	if w.IdempotencyKey == "" {
		return nil
	}
	if c := t.line.keyed[w.IdempotencyKey]; c != nil {
		return &Pending{commit: &c.commit, repeats: true, written: Written{
			First: c.entry.First, Last: c.entry.First + uint64(c.entry.Count) - 1, Count: c.entry.Count, Deduped: true,
		}}
	}
	k, ok := t.keys.Find(t.shared.keyHash([]byte(w.IdempotencyKey)), now, t.next.IdempotencyWindowMS)
	if !ok {
		return nil
	}
	return &Pending{written: Written{
		First: k.First, Last: k.First + uint64(k.Count) - 1, Count: int(k.Count), Head: t.head, Deduped: true,
	}}
}
