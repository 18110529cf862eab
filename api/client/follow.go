package client

import (
	"context"
	"iter"
	"time"
)

// Event is what Follow yields: exactly one of its fields is set.
type Event struct {
	Record    *Record
	Tombstone *Tombstone // these seqs are lost; the records after them follow
}

// followWait is how long one poll of Follow waits at the server; the server's
// own maximum.
const followWait = 30 * time.Second

// Follow yields the records of a topic after q.From, in order, and waits for
// more at the end. A tombstone is yielded where the lost records would have
// been. The sequence ends when the loop is left, when ctx ends (without an
// error), or with the first error that retrying did not mend; the event beside
// an error is empty.
func (c *Client) Follow(ctx context.Context, topic string, q Query) iter.Seq2[Event, error] {
	if q.Wait == 0 {
		q.Wait = followWait
	}
	return func(yield func(Event, error) bool) {
		for ctx.Err() == nil {
			b, err := c.Diff(ctx, topic, q)
			if err != nil {
				if ctx.Err() == nil {
					yield(Event{}, err)
				}
				return
			}
			if b.Tombstone != nil && !yield(Event{Tombstone: b.Tombstone}, nil) {
				return
			}
			for i := range b.Records {
				if !yield(Event{Record: &b.Records[i]}, nil) {
					return
				}
			}
			q.From = b.NextFrom
		}
	}
}
