package topic

import (
	"fmt"
	"math"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/topics/record"
)

// checkHeadLocked holds the write against the topic's head.
func (t *Topic) checkHeadLocked(w *Write) error {
	if w.ExpectedHead != nil && *w.ExpectedHead != t.Assigned {
		return &record.Error{
			Kind:    record.KindSeqMismatch,
			Message: fmt.Sprintf("expected_head_seq is %d, the head of topic %q is %d", *w.ExpectedHead, t.Name, t.Assigned),
			Detail:  map[string]any{"topic": t.Name, "expected": *w.ExpectedHead, "head_seq": t.Assigned},
		}
	}
	return nil
}

// checkRoomLocked holds what is to be appended against the topic's caps. Nothing needs
// no room.
func (t *Topic) checkRoomLocked(b *Encoded, now int64) error {
	c, n := t.Next, int64(len(b.Sizes))
	if n == 0 {
		return nil
	}
	if c.CapRecords > 0 && n > c.CapRecords || c.CapBytes > 0 && b.bytes > c.CapBytes {
		return &record.Error{
			Kind:    record.KindRecordTooLarge,
			Message: fmt.Sprintf("a write of %d records and %d bytes is larger than topic %q may ever hold", n, b.bytes, t.Name),
			Detail:  map[string]any{"topic": t.Name, "cap_records": c.CapRecords, "cap_bytes": c.CapBytes, "records": n, "bytes": b.bytes},
		}
	}
	if t.Assigned > math.MaxUint64-uint64(n)-MaxReserve {
		return record.Invalid("topic %q has no seqs left", t.Name)
	}
	if c.Discard != record.DiscardReject {
		return nil
	}
	t.ExpireLocked(now)
	if c.CapRecords > 0 && t.Live.Records+t.Line.Size.Records+n > c.CapRecords ||
		c.CapBytes > 0 && t.Live.Bytes+t.Line.Size.Bytes+b.bytes > c.CapBytes {
		return &record.Error{
			Kind:    record.KindFull,
			Message: fmt.Sprintf("topic %q is full and rejects", t.Name),
			Detail: map[string]any{"topic": t.Name, "cap_records": c.CapRecords, "cap_bytes": c.CapBytes,
				"head_seq": t.Head, "earliest_seq": t.Earliest()},
		}
	}
	return nil
}

// RepeatedLocked answers a write whose idempotency key is known: published inside
// the window, or still on its way.
func (t *Topic) RepeatedLocked(w *Write, now int64) *Pending {
	if w.IdempotencyKey == "" {
		return nil
	}
	if c := t.Line.keyed[w.IdempotencyKey]; c != nil {
		return &Pending{Commit: &c.Commit, repeats: true, Written: repeated(c.Entry.First, c.Entry.Count, c.Entry.Deduped)}
	}
	k, packed, ok := t.Keys.Find(t.Shared.KeyHash([]byte(w.IdempotencyKey)), now, t.Next.IdempotencyWindowMS)
	if !ok {
		return nil
	}
	var deduped *entry.Deduped
	if packed != nil {
		deduped, _ = entry.ParseDeduped(packed, k.First, int(k.Count)) // it was packed or parsed before
	}
	out := repeated(k.First, int(k.Count), deduped)
	out.Head = t.Head
	return &Pending{Written: out}
}

// RoomLocked returns how many of some records t takes, of which these are the payload bytes. t.Mu is held.
func (t *Topic) RoomLocked(sizes []uint32) int {
	c := t.Next
	if c.Discard != record.DiscardReject || c.CapRecords == 0 && c.CapBytes == 0 {
		return len(sizes)
	}
	t.ExpireLocked(t.Shared.Steady())
	n := len(sizes)
	if c.CapRecords > 0 {
		n = int(min(int64(n), max(0, c.CapRecords-t.Live.Records-t.Line.Size.Records)))
	}
	if c.CapBytes > 0 {
		left := c.CapBytes - t.Live.Bytes - t.Line.Size.Bytes
		for i := range n {
			if left -= int64(sizes[i]); left < 0 {
				return i
			}
		}
	}
	return n
}

func ErrFull(t *Topic) *record.Error {
	return &record.Error{
		Kind: record.KindFull, Message: fmt.Sprintf("topic %q is full and rejects", t.Name),
		Detail: map[string]any{"topic": t.Name},
	}
}
