// Package systemd reports the life of the server to systemd, or to whatever
// else supervises it with the protocol of sd_notify.
package systemd

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery/health"
)

const (
	// lookInterval is how often the phase and the progress are read.
	lookInterval = time.Second
	// extendInterval is how often a timeout is extended while there is progress.
	extendInterval = 10 * time.Second
	// extension is by how much. It covers two intervals and what a busy machine
	// adds to them.
	extension = 30 * time.Second
)

// Service is this process as its supervisor sees it.
type Service struct {
	// Progress reads the phase and how far the replay is.
	Progress func() health.Progress
	// Alive reports whether the process works. It must not wait for a disk.
	Alive func() bool
	// DrainTimeout is the time that a drain takes at most.
	DrainTimeout time.Duration
	// Pings is how often the supervisor is shown that the process is alive; 0 if
	// it does not watch.
	Pings time.Duration
	// Send delivers one message of sd_notify.
	Send func(message string) error
	Log  zerolog.Logger

	wake     chan struct{} // capacity 1
	stopping bool          // the supervisor knows that the process stops
	phase    health.Phase  // as it was last seen
	status   string        // as it was last sent
	done     int64         // bytes replayed when the timeout was last extended
	share    float64       // of the replay, likewise
	extended time.Time     // when the timeout was last extended
	drained  time.Time     // when the drain began
	silent   bool          // the last message could not be sent
}

// New returns a service that delivers its messages with send. The caller sets the
// other fields before Run.
func New(send func(message string) error) *Service {
	return &Service{Send: send, wake: make(chan struct{}, 1)}
}

// Supervised returns a service that sends to the supervisor of this process, or
// nil if it has none.
func Supervised(environ func(string) string) *Service {
	if environ("NOTIFY_SOCKET") == "" {
		return nil
	}
	s := New(func(message string) error {
		_, err := daemon.SdNotify(false, message)
		return err
	})
	// A WATCHDOG_PID of another process, or a malformed variable, asks nothing of
	// this one.
	if watched, err := daemon.SdWatchdogEnabled(false); err == nil {
		s.Pings = watched / 3
	}
	return s
}

// Run reports until ctx ends, and then what has changed last. The timeout of the
// start is extended at once: what comes next may already take long.
func (s *Service) Run(ctx context.Context) {
	looks := time.NewTicker(lookInterval)
	defer looks.Stop()
	var pings <-chan time.Time
	if s.Pings > 0 {
		t := time.NewTicker(s.Pings)
		defer t.Stop()
		pings = t.C
	}
	s.look(time.Now())
	for {
		select {
		case now := <-looks.C:
			s.look(now)
		case <-s.wake:
			s.look(time.Now())
		case <-pings:
			s.ping()
		case <-ctx.Done():
			s.look(time.Now())
			return
		}
	}
}

// ping shows that the process is alive, if it is.
func (s *Service) ping() {
	if s.Alive() {
		s.send(daemon.SdNotifyWatchdog)
	}
}

// look sends what has changed since the last time.
func (s *Service) look(now time.Time) {
	p := s.Progress()
	var message []string
	if p.Phase != s.phase {
		s.phase = p.Phase
		message = s.enter(now)
	}
	if s.due(now, &p) {
		s.extended, s.done, s.share = now, p.BytesDone, p.Fraction
		message = append(message, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extension.Microseconds()))
	}
	if status := describe(&p); status != s.status {
		s.status = status
		message = append(message, "STATUS="+status)
	}
	if message != nil {
		s.send(strings.Join(message, "\n"))
	}
}

// enter returns what a phase begins with. A failed recovery ends the wait for
// the start, too: the process stays up to give the reason, and a supervisor that
// restarted it would only have it fail again.
func (s *Service) enter(now time.Time) []string {
	switch s.phase {
	case health.PhaseReady, health.PhaseFailed:
		return []string{daemon.SdNotifyReady}
	case health.PhaseDraining, health.PhaseStopped:
		if s.stopping {
			return nil
		}
		s.stopping, s.drained, s.extended = true, now, time.Time{}
		return []string{daemon.SdNotifyStopping}
	}
	return nil
}

// due reports whether the timeout of the start or of the stop is to be extended:
// at once, and then while there is progress. A drain ends by itself, so its
// progress is time.
func (s *Service) due(now time.Time, p *health.Progress) bool {
	switch p.Phase {
	case health.PhaseStarting, health.PhaseReplaying:
		if s.extended.IsZero() {
			return true
		}
		return now.Sub(s.extended) >= extendInterval && (p.BytesDone > s.done || p.Fraction > s.share)
	case health.PhaseDraining:
		if s.extended.IsZero() {
			return true
		}
		return now.Sub(s.extended) >= extendInterval && now.Sub(s.drained) < s.DrainTimeout
	}
	return false
}

// describe returns the status in one line.
func describe(p *health.Progress) string {
	switch p.Phase {
	case health.PhaseReplaying:
		line := fmt.Sprintf("replaying %.0f %%", math.Floor(100*p.Fraction))
		if p.ETA >= 0 {
			line += fmt.Sprintf(", %.0f s left", math.Ceil(p.ETA.Seconds()))
		}
		return line
	case health.PhaseFailed:
		if p.Err != nil {
			reason, _, _ := strings.Cut(p.Err.Error(), "\n")
			return "recovery failed: " + reason
		}
		return "recovery failed"
	}
	return string(p.Phase)
}

// send delivers a message. A supervisor that does not take it cannot be helped,
// and must not stop the server; the first failure of a row is logged.
func (s *Service) send(message string) {
	err := s.Send(message)
	if err != nil && !s.silent {
		s.Log.Warn().Err(err).Msg("the supervisor cannot be notified")
	}
	s.silent = err != nil
}

// Wake has Run look at once, not at its next interval. It does not wait for it,
// and a nil Service has nothing to wake.
func (s *Service) Wake() {
	if s == nil {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default: // Run is about to look
	}
}
