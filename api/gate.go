package api

import "time"

// The phases of a server's life, as Progress.Phase spells them. They only
// move forward; failed is entered from starting or replaying.
const (
	PhaseStarting  = "starting"
	PhaseReplaying = "replaying"
	PhaseReady     = "ready"
	PhaseDraining  = "draining"
	PhaseStopped   = "stopped"
	PhaseFailed    = "failed"
)

// Gate says how far the server's life is.
type Gate interface {
	// Progress is cheap: it is asked on every request.
	Progress() Progress
}

// Progress is the gate at one moment.
type Progress struct {
	Phase      string
	Fraction   float64 // of the bytes to replay; 1 only in ready and later
	BytesDone  int64
	BytesTotal int64
	Records    int64
	Elapsed    time.Duration
	ETA        time.Duration // < 0: unknown
	Startup    time.Duration // from the process's start to ready; growing until then
	Err        error         // why recovery refused, in PhaseFailed
}

// maxRetryAfter keeps a long replay's estimate from sending clients away for
// good: the estimate may be wrong.
const maxRetryAfter = 10 * time.Second

// retryAfter is when a client should ask again: when the replay is expected to
// be through, but no later than in the time that it has taken already. An
// estimate is worth no more than what it was made from: after a few
// milliseconds it may say minutes for a replay that ends after a few more.
func (p Progress) retryAfter() time.Duration {
	return min(p.ETA, p.Elapsed, maxRetryAfter)
}

// Health is the cached result of the background checks.
type Health interface {
	Snapshot() HealthReport
	// LastBeat is when the watchdog last had proof that the process works.
	LastBeat() time.Time
}

// The statuses of a check and of the whole.
const (
	Healthy   = "healthy"
	Degraded  = "degraded"
	Unhealthy = "unhealthy"
)

// HealthReport is what all checks found last. Status is the worst of them.
type HealthReport struct {
	Status string
	At     time.Time // when the checks ran
	Checks []HealthCheck
}

// HealthCheck is one named check's outcome. Reason is empty when healthy.
type HealthCheck struct {
	Name   string
	Status string
	Reason string
}

// LogPosition is where the log is, in bytes.
type LogPosition struct {
	Synced  uint64 // everything below is durable
	Applied uint64 // and everything below this is in the indexes, too
	Starts  uint64 // of the server on this data, this one included
}
