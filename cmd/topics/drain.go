package main

import (
	"context"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/api/http1"
)

// drain is the last step of serving. It turns readiness off and keeps serving
// for the delay in which load balancers notice. Then it refuses data requests,
// syncs and closes the log, and finally closes the listeners, so that probes
// and metrics are answered until the end. All of that must happen within the
// drain timeout.
func (s *server) drain() error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
	defer cancel()
	s.log.Info().Dur("delay", s.config.DrainDelay).Msg("draining")
	drains := s.gate.Drain()
	s.supervisor.Wake()
	if drains && s.data.Load() != nil {
		rest(ctx, s.config.DrainDelay)
	}
	s.finishRequests(ctx)
	err := s.closeData(ctx)
	s.gate.Stop()
	s.closeListeners(ctx)
	if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	s.log.Info().Dur("took", time.Since(started)).Msg("stopped")
	return nil
}

// finishRequests refuses new data requests and waits for those in progress. It
// leaves a quarter of the remaining time for the log.
func (s *server) finishRequests(ctx context.Context) {
	s.api.StopServing()
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)*3/4)
	defer cancel()
	s.api.Finish(ctx)
}

// closeListeners waits until the answers in progress are sent, and closes the
// listeners. When ctx is done it closes the remaining connections.
func (s *server) closeListeners(ctx context.Context) {
	s.api.StopListening(ctx)
	for _, srv := range []*http1.Server{s.http, s.ops} {
		if srv == nil {
			continue
		}
		if err := srv.Shutdown(ctx); err != nil {
			s.log.Warn().Err(err).Msg("requests did not finish in time; closing their connections")
			srv.Close()
		}
	}
}

// closeData syncs and closes the log. If a sync hangs, closeData returns when
// ctx is done: what it has not made durable was not acknowledged as durable.
func (s *server) closeData(ctx context.Context) error {
	data := s.data.Load()
	if data == nil {
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- data.Close(ctx) }()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the log did not close in time: %w", ctx.Err())
	}
}

// rest waits for d or until ctx is done.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
