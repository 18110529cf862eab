package drill

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// followWait is the long poll of a follower.
const followWait = time.Second

// follow reads a topic's new records while it is being written to, so that
// records seen before a kill must exist after it. It ends when the connection
// breaks.
func follow(ctx context.Context, c *client.Client, b *book, killed func() bool) {
	from := b.head()
	for ctx.Err() == nil {
		p, err := read(ctx, c, b.topic, from, followWait)
		switch {
		case err == nil:
		case ctx.Err() != nil || killed():
			return
		case throttled(err):
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
		if p.NextFrom < from {
			b.unexpected("follower: next_from_seq went back from %d to %d", from, p.NextFrom)
			return
		}
		from = p.NextFrom
	}
}

// check reads a topic from its start to its head while it is not being written
// to, and compares it with the book.
func check(ctx context.Context, c *client.Client, b *book) error {
	p := b.begin()
	from, more := uint64(0), true
	for more {
		got, err := read(ctx, c, b.topic, from, 0)
		if err != nil {
			return err
		}
		from, more = p.add(got)
	}
	p.end()
	return nil
}
