package topics

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/topics/topic"
)

// Read returns the records after q.From, and what of them is lost. With
// nothing to say it waits up to q.Wait; a ctx that ends only ends the wait.
func (r *Registry) Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error) {
	until := time.Now().Add(q.Wait)
	if !q.Behind {
		r.catchUp(ctx, name) // however short the wait: a client sees its own writes
	}
	if q.Wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	from := q.From
	if q.FromTS != nil {
		at, err := r.Before(ctx, name, *q.FromTS)
		if err != nil {
			return nil, err
		}
		from = at
	}
	b := &topic.Batch{From: from, NextFrom: from}
	for {
		t, err := r.readOnce(ctx, name, q, b)
		if err != nil {
			return nil, err
		}
		if len(b.Records) > 0 || b.Tombstone != nil || q.Wait <= 0 || ctx.Err() != nil {
			return t.Delivered(q, b), nil
		}
		if b.NextFrom != b.Head {
			continue // filtered out so far; there is more
		}
		changed := t.Subscribe(b.Head)
		if changed == nil {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return t.Delivered(q, b), nil
		}
	}
}

// readOnce reads on from b.NextFrom: it takes a view of the topic under its
// lock, and fetches the records without it.
func (r *Registry) readOnce(ctx context.Context, name string, q *topic.Query, b *topic.Batch) (*topic.Topic, error) {
	for tries := 0; ; tries++ {
		synced, through, err := r.syncedThrough(ctx, name, q)
		if err != nil {
			return nil, err
		}
		now := r.shared.Clock.Now()
		t, err := r.open(name)
		if err != nil {
			return nil, err
		}
		if q.Synced && t != synced { // deleted and made again since
			t.Mu.RUnlock()
			continue
		}
		if !q.Untouched {
			t.Touch(now.Wall)
		}
		from := b.NextFrom
		v := t.ViewThroughLocked(q, b, now.Steady, through)
		t.Mu.RUnlock()

		err = r.shared.Fetch(ctx, q, b, v)
		if len(b.Records) == 0 && r.shared.Outdated(err) && tries < topic.MaxTries {
			b.NextFrom, b.Tombstone = from, nil
			continue
		}
		if len(b.Records) > 0 {
			// What was found is answered; the next read meets the rest of it.
			return t, nil
		}
		err = topic.LogError(err)
		r.shared.Counters.RecordDamage(err)
		return t, err
	}
}

// Fresh reports whether a read of the query that got this mark would still give
// the same records, and no tombstone; more may have been added after them. It may
// return false although they are the same, and never waits for the disk.
func (r *Registry) Fresh(name string, m topic.Mark) bool {
	t := r.catalog.Lookup(name)
	return t != nil && t.Fresh(m)
}
