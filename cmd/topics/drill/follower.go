package drill

import (
	"context"
	"errors"
	"time"
)

// followWait is the long poll of a follower.
const followWait = time.Second

// follow reads a topic's new records while it is being written, so that what
// a reader saw before a kill is held to be there after it. It ends when the
// connection breaks.
func follow(ctx context.Context, c *client, b *book, killed func() bool) {
	from := b.head()
	for ctx.Err() == nil {
		p, err := c.read(ctx, b.topic, from, followWait)
		var refused *refusal
		switch {
		case err == nil:
		case ctx.Err() != nil || killed():
			return
		case errors.As(err, &refused) && refused.throttled():
			pause(ctx, refusedPause)
			continue
		default:
			b.unexpected("follower: %v", err)
			pause(ctx, refusedPause)
			continue
		}
		for i := range p.Records {
			b.read(&p.Records[i])
		}
		if p.Next < from {
			b.unexpected("follower: next_from_seq went back from %d to %d", from, p.Next)
			return
		}
		from = p.Next
	}
}

// check reads a topic from its start to its head while nobody writes, and
// holds it against the book.
func check(ctx context.Context, c *client, b *book) error {
	p := b.begin()
	from, more := uint64(0), true
	for more {
		got, err := c.read(ctx, b.topic, from, 0)
		if err != nil {
			return err
		}
		from, more = p.add(got)
	}
	p.end()
	return nil
}
