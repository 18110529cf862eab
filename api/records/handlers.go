// Package records has the routes of what is in topics: records are written, read and
// deleted here, as such or as CloudEvents.
package records

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/queues"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Handlers has a method for each route, and what these need of the server.
type Handlers struct {
	// Engine returns what the handlers work on. No route is served before the server has one.
	Engine  func() Engine
	Bounds  *call.Bounds
	Limits  *wire.Limits
	Metrics *metrics.Set
	Serving context.Context // ends when the server stops serving: long polls answer what they have
	Now     func() time.Time
}

// Engine is what the handlers ask for.
type Engine interface {
	Records
	queues.Engine
}

// Records is what the routes of records need of the topics registry.
type Records interface {
	PreviewDeletion(name string, d *topics.Deletion) (topics.Preview, error)
	DeleteRecords(ctx context.Context, name string, d *topics.Deletion) (topics.Deleted, error)
	Begin(ctx context.Context, name string, w *topic.Write) (*topic.Pending, error)
	Repeats(name string, w *topic.Write) bool
	Read(ctx context.Context, name string, q *topic.Query) (*topic.Batch, error)
}
