package systemd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
)

// supervision is a service with a supervisor that notes when it heard what.
type supervision struct {
	*Service
	mu    sync.Mutex
	began time.Time
	heard []heard
	now   health.Progress
	alive bool
}

type heard struct {
	at   time.Duration
	line string
}

func supervise() *supervision {
	v := &supervision{began: time.Now(), alive: true, now: health.Progress{Phase: health.PhaseStarting}}
	v.Service = New(func(message string) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		for line := range strings.Lines(message) {
			v.heard = append(v.heard, heard{time.Since(v.began), strings.TrimSpace(line)})
		}
		return nil
	})
	v.Service.Progress = func() health.Progress {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.now
	}
	v.Alive = func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.alive
	}
	v.DrainTimeout = 25 * time.Second
	return v
}

func (v *supervision) set(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
}

// times returns when a line was heard, in whole seconds.
func (v *supervision) times(line string) (all []int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, h := range v.heard {
		if h.line == line {
			all = append(all, int(h.at.Seconds()))
		}
	}
	return all
}

const extend = "EXTEND_TIMEOUT_USEC=30000000"

// The timeout of a start is extended at once and every ten seconds while the
// replay goes on, and not while it stands still; that of a stop until the drain
// must have ended.
func TestTimeoutsAreExtendedWhileThereIsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := supervise()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { v.Run(ctx); close(ended) }()
		synctest.Wait()
		v.set(func() {
			v.now = health.Progress{Phase: health.PhaseReplaying, BytesTotal: 100, ETA: -1}
		})
		for second := range 60 {
			v.set(func() {
				if second < 35 { // then it stands still
					v.now.BytesDone, v.now.Fraction = int64(second), float64(second)/100
					v.now.ETA = time.Duration(100-second) * time.Second
				}
			})
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if got := v.times(extend); !slices.Equal(got, []int{0, 10, 20, 30, 40}) {
			t.Errorf("extended at %v s", got)
		}
		if len(v.times("STATUS=starting")) != 1 || len(v.times("STATUS=replaying 34 %, 66 s left")) != 1 {
			t.Errorf("heard %v", v.heard)
		}
		v.set(func() { v.now = health.Progress{Phase: health.PhaseReady, Fraction: 1} })
		v.Wake()
		synctest.Wait()
		if got := v.times("READY=1"); !slices.Equal(got, []int{60}) {
			t.Errorf("ready at %v s", got)
		}
		time.Sleep(time.Minute)
		v.set(func() { v.now.Phase = health.PhaseDraining })
		v.Wake()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := v.times(extend)[5:]; !slices.Equal(got, []int{120, 130, 140}) {
			t.Errorf("extended in the drain at %v s", got)
		}
		v.set(func() { v.now.Phase = health.PhaseStopped })
		cancel()
		<-ended
		if got := v.times("STOPPING=1"); !slices.Equal(got, []int{120}) {
			t.Errorf("stopping at %v s", got)
		}
		if last := v.heard[len(v.heard)-1].line; last != "STATUS=stopped" {
			t.Errorf("the last message was %s", last)
		}
	})
}

// Pings stop while the process is stuck.
func TestPingsShowThatTheProcessIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := supervise()
		v.Pings = 10 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go v.Run(ctx)
		time.Sleep(35 * time.Second)
		v.set(func() { v.alive = false })
		time.Sleep(30 * time.Second)
		v.set(func() { v.alive = true })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := v.times("WATCHDOG=1"); !slices.Equal(got, []int{10, 20, 30, 70}) {
			t.Errorf("pings at %v s", got)
		}
	})
}

// A recovery that failed ends the wait, with its reason.
func TestFailedRecoveryEndsTheWait(t *testing.T) {
	v := supervise()
	v.now = health.Progress{Phase: health.PhaseFailed, Err: errors.New("log damaged\nat 17")}
	v.look(time.Now())
	if got := v.heard; len(got) != 2 || got[0].line != "READY=1" || got[1].line != "STATUS=recovery failed: log damaged" {
		t.Errorf("heard %v", got)
	}
}
