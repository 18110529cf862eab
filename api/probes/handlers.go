// Package probes answers whether the server lives, is ready and is healthy, in the forms
// that load balancers, orchestrators and people ask for, and how a recovery is doing.
// What they answer was found before: they touch neither the engine's locks nor a disk.
package probes

import (
	"time"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics/topic"
)

// Handlers has a method for each probe, and what these need of the server.
type Handlers struct {
	Version, NodeID string
	Gate            Gate
	Health          Health
	// Engine returns nil before the server has one.
	Engine func() Engine
	// Refusal returns why data routes are not served, or nil.
	Refusal func() *wire.Error
	// Position is where the log was when the health checks looked last. It may be nil.
	Position func() LogPosition
	// Report is the last recovery's report, without what sees says no to. It may be nil,
	// and answers nil while there is none.
	Report func(sees func(x string) bool) any
	Config map[string]any // the effective configuration, without secrets
	Now    func() time.Time
	Start  time.Time // of the server
}

// Engine is what the probes ask the engine for.
type Engine interface{ Totals() topic.Totals }
