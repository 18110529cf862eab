package main

import (
	"context"
	"os"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/systemd"
	"github.com/e6e95bb8/topics/recovery/health"
)

// lastReport is how long the end of the process waits until its supervisor has
// the last message.
const lastReport = time.Second

// reportToSupervisor reports the server's phases to the supervisor of the
// process, if it has one, until stop is called.
func (s *server) reportToSupervisor() (stop func()) {
	s.supervisor = systemd.Supervised(os.Getenv)
	if s.supervisor == nil {
		return func() {}
	}
	s.supervisor.Log = s.log
	s.supervisor.Progress = s.gate.Progress
	s.supervisor.Alive = func() bool { return s.watchdog.Check().Status == health.Healthy }
	s.supervisor.DrainTimeout = s.config.DrainTimeout
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.supervisor.Run(ctx)
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(lastReport): // it does not take the message
		}
	}
}
