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

// roomLocked returns how many of some records t takes, of which these are the payload bytes. t.mu is held.
func (t *topic) roomLocked(sizes []uint32) int {
	c := t.next
	if c.Discard != record.DiscardReject || c.CapRecords == 0 && c.CapBytes == 0 {
		return len(sizes)
	}
	t.expireLocked(t.shared.steady())
	n := len(sizes)
	if c.CapRecords > 0 {
		n = int(min(int64(n), max(0, c.CapRecords-t.live.Records-t.line.size.Records)))
	}
	if c.CapBytes > 0 {
		left := c.CapBytes - t.live.Bytes - t.line.size.Bytes
		for i := range n {
			if left -= int64(sizes[i]); left < 0 {
				return i
			}
		}
	}
	return n
}

func errFull(t *topic) *record.Error {
	return &record.Error{
		Kind: record.KindFull, Message: fmt.Sprintf("topic %q is full and rejects", t.name),
		Detail: map[string]any{"topic": t.name},
	}
}
