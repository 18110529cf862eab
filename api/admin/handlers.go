// Package admin has the routes of administrators that are about the server as a whole:
// jobs of the storage, backups, checks from outside, requests in progress; and what a
// key may do.
package admin

import (
	"context"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/wire"
)

// Handlers has a method for each route, and what these need of the server.
type Handlers struct {
	Storage Storage // may be nil
	// Backups returns the last backups. It may be nil, and answers before there is data.
	Backups func() any
	// Verified notes that a copy of the backup with this through_ts was checked and has
	// no fault, and returns when that was, or ErrNoBackup. It may be nil.
	Verified func(throughTS int64) (time.Time, error)
	Gate     probes.Gate
	Health   probes.Health
	Bounds   *call.Bounds
	Limits   *wire.Limits
	Serving  context.Context // ends when the server stops serving
}
