package api

import (
	"fmt"
	"net/http"
	"sync/atomic"
)

// budget bounds the memory that the bodies and answers of all requests under
// way hold together, so that no number of large ones exhausts it. A request
// counts only what it holds beyond firstRead: small ones are bounded by the
// number of connections.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take lets a request hold n more bytes, or says that it has to come again.
// What was taken goes back with give, however the request ends.
func (b *budget) take(c *call, n int64) error {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return &Error{
			Status: http.StatusTooManyRequests, Code: "throttled",
			Message: fmt.Sprintf("the requests under way hold the %d bytes of memory they may", b.limit),
			Detail:  map[string]any{"limit": "inflight_bytes", "max": b.limit},
		}
	}
	c.held += n
	return nil
}

// cover makes what a request has taken what its buffers hold at this moment:
// the ones it began with may be large, and handlers that do not know the size
// of their answer before they render it have it counted afterwards.
func (b *budget) cover(c *call) error {
	n := beyondFirst(cap(c.in)) + beyondFirst(cap(c.out)) + beyondFirst(cap(c.packed)) - c.held
	if n > 0 {
		return b.take(c, n)
	}
	b.used.Add(n)
	c.held += n
	return nil
}

// beyondFirst is what of a buffer counts.
func beyondFirst(size int) int64 { return max(0, int64(size)-firstRead) }

func (b *budget) give(c *call) {
	b.used.Add(-c.held)
	c.held = 0
}
