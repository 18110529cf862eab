package health

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// watch runs a watchdog in the background of a bubble.
func watch(t *testing.T, d *Watchdog) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

func TestWatchdogMissesAProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewWatchdog(time.Now)
		var reported []string
		d.Stuck = func(part string, silent time.Duration) { reported = append(reported, fmt.Sprint(part, " ", silent)) }
		release := make(chan struct{})
		var held, moves atomic.Bool
		d.Watch("lock", func() bool {
			if held.Load() {
				<-release
			}
			return true
		})
		moves.Store(true)
		d.Watch("log", moves.Load)
		watch(t, d)
		time.Sleep(time.Minute + time.Millisecond)
		if c := d.Check(); c.Status != Healthy || time.Since(d.LastBeat()) > 2*time.Second {
			t.Errorf("all works: %+v, last %s ago", c, time.Since(d.LastBeat()))
		}

		held.Store(true) // a lock that is not given back
		time.Sleep(StuckAfter - time.Second)
		if c := d.Check(); c.Status != Healthy {
			t.Errorf("stuck too early: %+v", c)
		}
		time.Sleep(3 * time.Second)
		if c := d.Check(); c.Status != Unhealthy || !strings.Contains(c.Reason, "lock has not moved for 12 s") {
			t.Errorf("not stuck: %+v", c)
		}
		held.Store(false)
		close(release)
		time.Sleep(2 * time.Second)
		if c := d.Check(); c.Status != Healthy {
			t.Errorf("still stuck: %+v", c)
		}

		moves.Store(false)
		time.Sleep(StuckAfter + 2*time.Second)
		if c := d.Check(); c.Status != Unhealthy || !strings.HasPrefix(c.Reason, "log ") {
			t.Errorf("not stuck: %+v", c)
		}
		moves.Store(true)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if want := []string{"lock 11s", "lock 0s", "log 11s", "log 0s"}; !slices.Equal(reported, want) {
			t.Errorf("reported %q", reported)
		}
	})
}

// Whatever waits for a disk is not for a restart to mend.
func TestWatchdogExcusesTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewWatchdog(time.Now)
		var waits atomic.Bool
		waits.Store(true)
		d.Waits = waits.Load
		release := make(chan struct{})
		d.Watch("lock", func() bool { <-release; return true })
		watch(t, d)
		time.Sleep(time.Hour)
		if c := d.Check(); c.Status != Healthy {
			t.Errorf("stuck because of a disk: %+v", c)
		}
		waits.Store(false) // the disk is back, and the lock is not
		time.Sleep(StuckAfter + 2*time.Second)
		if c := d.Check(); c.Status != Unhealthy {
			t.Errorf("not stuck: %+v", c)
		}
		close(release)
	})
}

// The goroutine itself has not been run.
func TestWatchdogWithoutAProcessor(t *testing.T) {
	now := time.Unix(0, 0)
	d := NewWatchdog(func() time.Time { return now })
	var reported []string
	d.Stuck = func(part string, silent time.Duration) { reported = append(reported, fmt.Sprint(part, " ", silent)) }
	now = now.Add(StuckAfter + 1)
	if c := d.Check(); c.Status != Unhealthy || !strings.HasPrefix(c.Reason, "scheduler ") {
		t.Errorf("not stuck: %+v", c)
	}
	d.round()
	if c := d.Check(); c.Status != Healthy || len(reported) != 2 {
		t.Errorf("still stuck: %+v, reported %q", c, reported)
	}
}

func TestLogMoves(t *testing.T) {
	var s LogState
	moves := LogMoves(func() LogState { return s })
	for i, row := range []struct {
		state LogState
		want  bool
	}{
		{LogState{}, true},
		{LogState{Waiting: 1}, false},
		{LogState{Waiting: 1, Written: 5}, true},
		{LogState{Waiting: 1, Written: 5, Synced: 5}, true},
		{LogState{Waiting: 9, Written: 5, Synced: 5}, false},
		{LogState{Blocked: 9, Written: 5, Synced: 5}, true},
		{LogState{Waiting: 9, Written: 5, Synced: 5, ReadOnly: true}, true},
	} {
		s = row.state
		if got := moves(); got != row.want {
			t.Errorf("%d: %+v: %v", i, row.state, got)
		}
	}
}
