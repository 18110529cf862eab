// Package telemetry shows what the server did and does: the metrics, the history of the
// last hour, the overview that administrators see.
package telemetry

import (
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/eventloop"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/router"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
)

// Source is what the telemetry reads of others. What may be nil is unknown then.
type Source struct {
	Set    *metrics.Set // what the server counts
	Probes *probes.Handlers
	Bounds *call.Bounds
	Limits *wire.Limits
	Conns  *conns.Set
	Loops  *eventloop.Group
	// Engine returns nil before the server has one.
	Engine      func() Engine
	Storage     Storage                     // may be nil
	WAL         func() wal.Stats            // may be nil
	Recovered   func() *metrics.Recovered   // may be nil
	Disk        func() (free, total uint64) // may be nil
	Descriptors func() int64                // may be nil
	// LastBackup and LastVerified are when the last good backup ended and was verified,
	// in Unix seconds, 0 for never. They may be nil.
	LastBackup, LastVerified func() float64
	// Sessions counts the watch sessions, the streams and the WebSockets.
	Sessions func() (sessions, streams, sockets int64)
	Now      func() time.Time
}

// Engine is what the telemetry asks the engine for.
type Engine interface {
	Totals() topic.Totals
	Pressure() float64
	Busiest(n int) (page []topics.TopicGauge, truncated bool)
	List(prefix, after string, limit int) (page []topic.State, more bool)
	Routers(prefix, source, dest, after string, limit int) (page []router.State, more bool)
}

// Storage is what the telemetry asks the storage for.
type Storage interface{ Stats() metrics.StorageStats }

// Handlers has a method for each route.
type Handlers struct {
	Source
	meter    meter
	overview overview
}

// New returns the handlers of what is read of a source.
func New(source Source) *Handlers { return &Handlers{Source: source, meter: newMeter()} }
