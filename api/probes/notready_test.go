package probes

import (
	"net/http"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
)

// A client is asked to come again when the replay may be through, but soon.
func TestNotReadyUntilTheReplayMayBeThrough(t *testing.T) {
	e := NotReady(health.Progress{Phase: health.PhaseReplaying, Elapsed: time.Minute, ETA: time.Hour})
	if e.RetryAfter != maxRetryAfter || *e.Report.(*replayBody).ETA != 3_600_000 {
		t.Errorf("RetryAfter %v, detail %v", e.RetryAfter, e.Detail)
	}
	// The first moments of a replay say little about the rest of it.
	if e := NotReady(health.Progress{Phase: health.PhaseReplaying, Elapsed: 2 * time.Millisecond, ETA: time.Hour}); e.RetryAfter > time.Second {
		t.Errorf("RetryAfter %v after 2 ms", e.RetryAfter)
	}
	if http.StatusServiceUnavailable != e.Status {
		t.Errorf("status %d", e.Status)
	}
}
