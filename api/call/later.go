package call

import (
	"time"

	"github.com/e6e95bb8/topics/topics/topic"
)

// Placed is a write that has its place in the log and is not answered.
type Placed struct {
	Write *topic.Pending
	Bytes int64 // of Bounds.TakeBytes
	Seqs  bool  // the answer has them
	// Began is when it had its place, if its answer says how long its sync took.
	Began time.Time
}

// Finisher is the second half of a handler: the first has done all that can be done
// without waiting.
type Finisher interface {
	// Finish waits, and answers like a handler.
	Finish(c *Call) error
}

// later is a ResponseWriter that may call the second half of a handler after the
// handler has returned, together with those of other requests. waits is whether it
// waits for a sync.
type later interface {
	Later(waits bool, finish func()) bool
}

// Later calls the second half of a handler, which must return what Later returns: now,
// or when other requests that have come at the same time have been begun. waits
// is whether it waits for a sync.
func (c *Call) Later(waits bool, f Finisher) error {
	c.finisher = f
	w, ok := c.Writer.(later)
	if !ok || !w.Later(waits, c.resume) {
		return f.Finish(c)
	}
	c.GoesOn = true
	return nil
}

// Finish is the second half of a handler whose first half has called Later and was
// not answered.
func (c *Call) Finish() error { return c.finisher.Finish(c) }
