package drill

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// maxIdle is the longest time between two checkpoints that the operator
// requests.
const maxIdle = 400 * time.Millisecond

// operator requests checkpoints at random times.
type operator struct{ answered, failed int64 }

// run runs until the connection breaks because of the kill. killed reports
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
			f.addf("a requested checkpoint: %v", err)
		}
	}
}
