package bench

import (
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

func TestParseStat(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     time.Duration
	}{
		{"plain", "123 (topics) S 1 123 123 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 9 0 100", 2 * time.Second},
		{"a name with everything", "123 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 1 2 0 0", 30 * time.Millisecond},
		{"short", "123 (topics) S 1 2", 0},
		{"empty", "", 0},
		{"letters", "123 (t) S 1 2 3 4 5 6 7 8 9 10 x 2 0 0", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseStat([]byte(tt.in)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestShares(t *testing.T) {
	before := usage{client: time.Second, server: 2 * time.Second}
	after := usage{client: 2 * time.Second, server: 5 * time.Second}
	if got, want := after.since(before, 2*time.Second), (cpuShares{Client: 0.5, Server: 1.5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

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
