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
	CaughtUp  bool       // everything that was there has been yielded
}

// followWait is how long one poll of Follow waits at the server unless the
// query says otherwise: the server's own maximum.
const followWait = 30 * time.Second

// Follow yields the records of a topic after q.From, in order, and waits for
// more at the end, which it tells each time it gets there. A tombstone is
// yielded where the lost records would have been. The sequence ends when the
// loop is left, when ctx ends (without an error), or with the first error that
// retrying did not mend; the event beside an error is empty.
func (c *Client) Follow(ctx context.Context, topic string, q Query) iter.Seq2[Event, error] {
	wait := q.Wait
	if wait == 0 {
		wait = followWait
	}
	return func(yield func(Event, error) bool) {
		atEnd := false
		for ctx.Err() == nil {
			q.Wait = 0
			if atEnd {
				q.Wait = wait
			}
			b, err := c.Diff(ctx, topic, q)
			if err != nil {
				if ctx.Err() == nil {
					yield(Event{}, err)
				}
				return
			}
			// A poll that ended with nothing new did not leave the end.
			news := !atEnd || b.NextFrom != q.From || b.Tombstone != nil
			atEnd = b.CaughtUp
			if !b.yield(yield) || atEnd && news && !yield(Event{CaughtUp: true}, nil) {
				return
			}
			q.From = b.NextFrom
		}
	}
}

// yield hands out what is in the batch and reports whether to go on.
func (b *Batch) yield(yield func(Event, error) bool) bool {
	if b.Tombstone != nil && !yield(Event{Tombstone: b.Tombstone}, nil) {
		return false
	}
	for i := range b.Records {
		if !yield(Event{Record: &b.Records[i]}, nil) {
			return false
		}
	}
	return true
}
