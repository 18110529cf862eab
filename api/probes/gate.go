package probes

import (
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
)

// Gate is the phase that the server is in.
type Gate interface {
	// Progress is cheap: every request calls it.
	Progress() health.Progress
}

// Health is the cached result of the background checks.
type Health interface {
	Snapshot() health.Snapshot
	// Heartbeats are the checks that come from outside, which Snapshot shows.
	Heartbeats() *health.Heartbeats
	// LastBeat is when the watchdog last had proof that the process works.
	LastBeat() time.Time
}

// LogPosition is where the log is, in bytes.
type LogPosition struct {
	Synced  uint64 // everything below is durable
	Applied uint64 // and everything below this is in the indexes, too
	Starts  uint64 // of the server on this data, this one included
}
