package client

import (
	"context"
	"iter"
	"time"
)

// followWait is how long one poll of Follow waits at the server by default. It
// is the longest wait that the server allows.
const followWait = 30 * time.Second

// Follow yields the records of one topic after q.From, or from q.FromTime on, by long polling. When it
// reaches the end it yields CaughtUp and waits for more. A tombstone is yielded
// where the lost records would have been. Follow uses plain requests and
// answers; Watch needs a stream, but follows many topics at once.
//
// The sequence ends when the caller leaves the loop, when ctx is done (without
// an error), or with the first error that retries did not resolve. The event
// that accompanies an error is nil.
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
					yield(nil, err)
				}
				return
			}
			// A poll that returned nothing new has not left the end.
			news := !atEnd || b.NextFrom != q.From || b.Tombstone != nil
			atEnd = b.CaughtUp
			if !b.yield(topic, yield) || atEnd && news && !yield(CaughtUp{topic, b.HeadSeq}, nil) {
				return
			}
			q.From, q.FromTime = b.NextFrom, nil
		}
	}
}

// yield passes on what the batch has, and reports whether to continue.
func (b *Batch) yield(topic string, yield func(Event, error) bool) bool {
	if b.Tombstone != nil {
		t := *b.Tombstone
		t.Topic = topic
		if !yield(t, nil) {
			return false
		}
	}
	if len(b.Records) == 0 {
		return true
	}
	return yield(Records{Topic: topic, Records: b.Records, To: b.NextFrom, Head: b.HeadSeq}, nil)
}
