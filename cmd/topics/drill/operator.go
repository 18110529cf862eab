package drill

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// maxIdle is the longest time between two checkpoints that are asked for.
const maxIdle = 400 * time.Millisecond

// operator has the server take checkpoints at moments of its own.
type operator struct{ answered, failed int64 }

// run goes on until the connection breaks, which the kill does. killed tells
// whether it was the kill.
func (o *operator) run(ctx context.Context, c *client.Client, killed func() bool, f *findings) {
	for ctx.Err() == nil {
		pause(ctx, rand.N(maxIdle))
		err := c.Checkpoint(ctx)
		switch {
		case err == nil:
			o.answered++
		case ctx.Err() != nil || killed():
			return
		case throttled(err):
		default:
			o.failed++
			f.addf("a checkpoint that was asked for: %v", err)
		}
	}
}
