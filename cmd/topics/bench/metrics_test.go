package bench

import (
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

func TestGroupSize(t *testing.T) {
	if got := groupSize(walMetrics{Frames: 10, Fsyncs: 5}, walMetrics{Frames: 110, Fsyncs: 15}); got != 10 {
		t.Errorf("got %v, want 10", got)
	}
	if got := groupSize(walMetrics{Fsyncs: 5}, walMetrics{Frames: 7, Fsyncs: 5}); got != 0 {
		t.Errorf("got %v without a sync, want 0", got)
	}
}

func TestReplayTime(t *testing.T) {
	r := client.Recovery{Phases: []client.RecoveryPhase{{Name: "prepare", DurationMS: 14.1}, {Name: "replay", DurationMS: 222.5}}}
	if got, err := replayTime(r); err != nil || got != 222_500*time.Microsecond {
		t.Errorf("got %v, %v; want 222.5ms", got, err)
	}
	for _, bad := range []client.Recovery{{}, {Phases: []client.RecoveryPhase{{Name: "replay"}}}} {
		if _, err := replayTime(bad); err == nil {
			t.Errorf("%+v tells of a replay", bad)
		}
	}
}
