package api

import (
	"context"
	"sync/atomic"
)

// traffic counts the calls of gated routes that are under way, and ends their
// admission. Probes, metrics and reports are not part of it: they are answered
// as long as there is a listener.
type traffic struct {
	stopped  atomic.Bool
	underway atomic.Int64
	idle     chan struct{} // capacity 1: hints that none is under way any more
}

func newTraffic() *traffic { return &traffic{idle: make(chan struct{}, 1)} }

// enter admits a call, which must leave. It counts the call before it looks,
// so that wait, which stops first and counts afterwards, misses none.
func (t *traffic) enter() bool {
	t.underway.Add(1)
	if t.stopped.Load() {
		t.leave()
		return false
	}
	return true
}

func (t *traffic) leave() {
	if t.underway.Add(-1) == 0 && t.stopped.Load() {
		select {
		case t.idle <- struct{}{}:
		default:
		}
	}
}

// wait returns when no admitted call is left, or when ctx ends. stopped is set.
func (t *traffic) wait(ctx context.Context) {
	for t.underway.Load() > 0 {
		select {
		case <-t.idle:
		case <-ctx.Done():
			return
		}
	}
}

// StopServing refuses what needs the engine with 503 shutting_down from now on,
// and asks what is under way to end: long polls answer what they have, streams
// and WebSockets say goodbye. It belongs after the drain delay. Until then
// readiness alone is 503, so that load balancers look away while requests that
// still arrive are served as ever.
//
// Every listener goes on answering probes and metrics. Connections are closed
// after their next answer, so that kept-alive clients look for another server.
func (s *Server) StopServing() {
	s.traffic.stopped.Store(true)
	if engine := s.opened(); engine != nil {
		engine.StopDelivering() // before streams end: no claim may get what they give back
	}
	s.cancel()
}

// Finish waits, after StopServing, until everything admitted before has been
// answered. WebSockets that are not through when ctx ends are cut; other calls
// then find the engine closed and answer that.
func (s *Server) Finish(ctx context.Context) {
	s.cancel()
	s.sockets.Finish(ctx)
	s.traffic.wait(ctx)
	s.orders.Clear()
	s.watches.stop()
}
