package probes

import (
	"net/http"
	"time"

	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
)

// NotReady is the answer of whatever waits for recovery.
func NotReady(p health.Progress) *wire.Error {
	e := &wire.Error{Status: http.StatusServiceUnavailable, Code: "not_ready", Message: "the server is starting"}
	switch p.Phase {
	case health.PhaseReplaying:
		e.Message = "WAL replay in progress"
	case health.PhaseFailed:
		e.Message = "recovery failed"
		if p.Err != nil {
			e.Message += ": " + p.Err.Error()
		}
	}
	e.Report = replayOf(p)
	if p.ETA >= 0 {
		e.RetryAfter = replayWait(p)
	}
	return e
}

// replayBody is how far a recovery is.
type replayBody struct {
	Progress   float64      `json:"replay_progress"`
	Phase      health.Phase `json:"phase"`
	BytesDone  int64        `json:"bytes_done"`
	BytesTotal int64        `json:"bytes_total"`
	Records    int64        `json:"records"`
	Elapsed    int64        `json:"elapsed_ms"` // since the replay began
	ETA        *int64       `json:"eta_ms"`     // null: unknown
}

func replayOf(p health.Progress) *replayBody {
	b := &replayBody{p.Fraction, p.Phase, p.BytesDone, p.BytesTotal, p.Records, p.Elapsed.Milliseconds(), nil}
	if p.ETA >= 0 {
		b.ETA = new(p.ETA.Milliseconds())
	}
	return b
}

// maxRetryAfter keeps a long replay's estimate from sending clients away for
// good: the estimate may be wrong.
const maxRetryAfter = 10 * time.Second

// replayWait is when a client should ask again: when the replay is expected to
// be through, but no later than in the time that it has taken already. An
// estimate is worth no more than what it was made from: after a few
// milliseconds it may say minutes for a replay that ends after a few more.
func replayWait(p health.Progress) time.Duration {
	return min(p.ETA, p.Elapsed, maxRetryAfter)
}
