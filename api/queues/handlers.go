// Package queues has the routes of queues, all but the streams of jobs: claims, acks
// and the other calls on jobs, lists of jobs, dead letters. What a call on jobs
// reads, does and answers is here once, for HTTP and for WebSockets.
package queues

import (
	"context"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
)

// Handlers has a method for each route, and what these need of the server.
type Handlers struct {
	// Engine returns what the handlers work on. It returns nil before the server has
	// one; until then no route is served but those that ask Refusal first.
	Engine func() Engine
	// Refusal returns why data routes are not served, or nil. Routes that administrators
	// may call in every phase ask it.
	Refusal func() *wire.Error
	Bounds  *call.Bounds
	Limits  *wire.Limits
	Metrics *metrics.Set
	Serving context.Context // ends when the server stops serving
}
