package client

import (
	"context"
	"iter"
	"time"
)

// followWait is how long one poll of Follow waits at the server unless the
// query says otherwise: the server's own maximum.
const followWait = 30 * time.Second

// Follow yields the records of one topic after q.From by long polling, and
// waits for more at the end, which it tells each time it gets there. A
// tombstone is yielded where the lost records would have been. It needs
// nothing but plain requests and answers; Watch, which needs a stream, follows
// many topics at once.
//
// The sequence ends when the loop is left, when ctx ends (without an error),
// or with the first error that retrying did not mend; the event beside an
// error is nil.
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
			// A poll that ended with nothing new did not leave the end.
			news := !atEnd || b.NextFrom != q.From || b.Tombstone != nil
			atEnd = b.CaughtUp
			if !b.yield(topic, yield) || atEnd && news && !yield(CaughtUp{topic, b.HeadSeq}, nil) {
				return
			}
			q.From = b.NextFrom
		}
	}
}

// yield hands out what is in the batch and reports whether to go on.
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
