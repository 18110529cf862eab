package topics

import (
	"context"
	"errors"

	"github.com/e6e95bb8/topics/wal"
)

// A read examines at most this much before it answers, with its cursor moved
// and perhaps no record, so that a filter that matches nothing cannot hold a
// request, or its memory, for as long as the topic is.
const (
	maxScanned     = 1 << 16
	maxScannedSize = 16 << 20
)

// Read returns the records after q.From, and what of them is lost. With
// nothing to say it waits up to q.Wait; a ctx that ends only ends the wait.
func (r *Registry) Read(ctx context.Context, name string, q *Query) (*Batch, error) {
	if q.Wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.Wait)
		defer cancel()
	}
	b := &Batch{NextFrom: q.From}
	for {
		t, err := r.readOnce(name, q, b)
		if err != nil {
			return nil, err
		}
		if len(b.Records) > 0 || b.Tombstone != nil || q.Wait <= 0 || ctx.Err() != nil {
			return r.delivered(b), nil
		}
		if b.NextFrom != b.Head {
			continue // filtered out so far; there is more
		}
		changed := t.subscribe(b.Head)
		if changed == nil {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r.delivered(b), nil
		}
	}
}

// delivered counts what a batch hands out.
func (r *Registry) delivered(b *Batch) *Batch {
	var bytes int64
	for i := range b.Records {
		bytes += int64(b.Records[i].payloadBytes())
	}
	r.totals.delivered.add(sums{int64(len(b.Records)), bytes})
	if b.Tombstone != nil {
		for i, reason := range reasons {
			if reason == b.Tombstone.Reason {
				r.totals.tombstones[i].Add(1)
			}
		}
	}
	return b
}

// readOnce reads on from b.NextFrom: it takes a picture of the topic under its
// lock, and fetches the records without.
func (r *Registry) readOnce(name string, q *Query, b *Batch) (*topic, error) {
	now := r.now()
	t, err := r.open(name, now)
	if err != nil {
		return nil, err
	}
	t.lastRead.Store(now)
	stone, next := t.tombstone(b.NextFrom)
	below := t.head + 1 // the batch stops before the next lost range
	if l, ok := t.lostFrom(next); ok {
		below = l.from
	}
	v := view{next: next, below: below, dedupe: t.cfg.DedupeNode, sparse: q.filters()}
	v.frames, v.whole = t.index.from(next, below, maxFrames(q))
	b.Tombstone, b.Head, b.Earliest = stone, t.head, t.earliest()
	if ttl := t.cfg.TTLMS; ttl > 0 {
		v.expired = now - ttl
	}
	t.mu.RUnlock()

	b.NextFrom = next - 1 // what stands before is lost or deleted
	err = r.fetch(q, b, &v)
	if corrupt := new(wal.CorruptionError); errors.As(err, &corrupt) {
		return nil, logError(err)
	}
	return t, err
}

// maxFrames is how many records' frames to look up at once: with a filter
// more than the limit may have to be examined.
func maxFrames(q *Query) int {
	if q.filters() {
		return maxScanned
	}
	return q.Limit
}

// view is a topic's state as one read sees it.
type view struct {
	next    uint64 // first seq to examine
	below   uint64 // seqs from here on are not for this batch
	expired int64  // records with an earlier timestamp are over; 0: none
	dedupe  bool   // the topic filters by node
	sparse  bool   // few may be wanted of many: they are copied, so as not to pin what lies around them
	frames  []frameRef
	whole   bool // frames are all there are up to below
}

// fetch examines the view's frames and moves b.NextFrom over what it examined.
func (r *Registry) fetch(q *Query, b *Batch, v *view) error {
	reader := r.log.NewReader()
	var taken, scannedSize int
	scanned := 0
	for _, f := range v.frames {
		body := f.body
		if body == nil {
			payload, err := reader.Frame(f.lsn)
			if err != nil {
				return err
			}
			e, err := decodeEntry(entryAppend, payload)
			if err != nil {
				return err
			}
			body = e.records
		}
		for seq := f.first; seq < f.first+uint64(f.count); seq++ {
			rec, rest, err := nextRecord(body)
			if err != nil {
				return err
			}
			body = rest
			if seq < v.next {
				continue
			}
			if seq >= v.below {
				return nil
			}
			size := rec.payloadBytes()
			wanted := f.ts >= v.expired && v.wants(q, &rec)
			if wanted && len(b.Records) > 0 && taken+size > q.MaxBytes {
				return nil
			}
			b.NextFrom = seq
			b.Cost.Scanned++
			scanned++
			scannedSize += size
			if wanted {
				if v.sparse {
					rec = rec.clone()
				}
				rec.Seq, rec.TS = seq, f.ts
				b.Records = append(b.Records, rec)
				taken += size
			}
			if len(b.Records) >= q.Limit || scanned >= maxScanned || scannedSize >= maxScannedSize {
				return nil
			}
		}
	}
	if v.whole {
		b.NextFrom = v.below - 1
	}
	return nil
}

// wants applies the query's filters to one record.
func (v *view) wants(q *Query, rec *Record) bool {
	if v.dedupe && rec.Node != nil {
		for _, n := range q.Nodes {
			if n == string(rec.Node) {
				return false
			}
		}
	}
	return q.Match == nil || q.Match.Tag(rec.Tag)
}
