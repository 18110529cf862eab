package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// drain is the last step of serving: readiness off, the delay in which load
// balancers notice while everything is still served, no more data requests, the
// log synced and closed, and only then the listeners: probes and metrics are
// answered up to the end. All of it within the drain timeout.
func (s *server) drain() error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
	defer cancel()
	s.log.Info().Dur("delay", s.config.DrainDelay).Msg("draining")
	if s.gate.Drain() && s.data.Load() != nil {
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

// finishRequests refuses data requests from now on and waits for those under
// way. It leaves a quarter of what is left of the timeout for the log.
func (s *server) finishRequests(ctx context.Context) {
	s.api.StopServing()
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)*3/4)
	defer cancel()
	s.api.Finish(ctx)
}

// closeListeners closes the listeners when the answers under way are out. What
// is not out when ctx ends loses its connection.
func (s *server) closeListeners(ctx context.Context) {
	for _, srv := range []*http.Server{s.http, s.ops} {
		if srv == nil {
			continue
		}
		if err := srv.Shutdown(ctx); err != nil {
			s.log.Warn().Err(err).Msg("closing connections with requests under way")
			srv.Close()
		}
	}
}

// closeData syncs and closes the log. A sync that hangs must not outlive the
// timeout: what it has not made durable was not acknowledged as durable.
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

// rest waits for d or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
