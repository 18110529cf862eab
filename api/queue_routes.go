package api

import (
	"context"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// queueEngine is what the handlers of queues ask for.
type queueEngine interface {
	Queues
	State(name string, touch bool) (topic.State, error)
	call.Payloads
}

// queueRoutes is the handlers of queues, and what they need of the server.
type queueRoutes struct {
	// engine returns what the handlers work on. There is one when they are called.
	engine func() queueEngine
	// refusal returns why data routes are not answered, or nil. Routes that are answered
	// in every phase ask it.
	refusal func() *wire.Error
	bounds  *call.Bounds
	limits  *wire.Limits
	metrics *metrics.Set
	serving context.Context // ends when the server stops serving
}
