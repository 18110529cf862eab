package api

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/probes"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
)

// answer runs one request through its route: key, gate, slots, confirmation,
// handler, error map, panic guard, metrics, audit. Every answer leaves through
// here, and whatever a call holds is given back here.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, rt *call.Route, ps httprouter.Params) {
	conn, standing := conns.Of(r), conns.Regular
	if conn != nil {
		standing = conn.Begin()
	}
	if standing == conns.Gone {
		panic(http.ErrAbortHandler)
	}
	c := s.bounds.Begin(w, r, rt)
	c.On(conn, standing)
	param := ""
	if len(ps) > 0 {
		param, c.Topic = ps[0].Key, pathParam(ps[0].Value)
	}
	if len(ps) > 1 {
		c.Seq = pathParam(ps[1].Value)
	}
	s.run(c, param)
	if !c.GoesOn {
		s.conclude(c)
	}
}

// conclude sends what there is of the answer, and gives back what the call has. The
// call must not be used any more.
func (s *Server) conclude(c *call.Call) {
	early := c.Conclude(s.traffic.stopped.Load())
	if c.Admitted {
		s.traffic.leave()
	}
	c.Settle(early)
	s.metrics.Observe(metrics.Endpoint{Route: c.Route.Pattern, Method: knownMethod(c.Request.Method)}, c.Status, time.Since(c.Start))
	s.trail.Answered(c)
	c.End()
}

// run admits the call, calls the route's handler, and turns an error or a
// panic into an answer. param is the name of what is in the path.
func (s *Server) run(c *call.Call, param string) {
	s.guarded(c, func() error {
		err := s.admit(c, param)
		if err == nil {
			err = c.Route.Serve(c)
		}
		return err
	})
}

// finish is what is left of answer after a handler that has called Later.
func (s *Server) finish(c *call.Call) {
	s.guarded(c, c.Finish)
	s.conclude(c)
}

// guarded calls serve, and turns an error or a panic into an answer.
func (s *Server) guarded(c *call.Call, serve func() error) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(c, &panicked{p, debug.Stack()})
		}
	}()
	err := serve()
	if err != nil {
		s.fail(c, err)
	}
}

// panicked is the error of a panic.
type panicked struct {
	cause any
	stack []byte
}

// Error implements error.
func (p *panicked) Error() string { return fmt.Sprint(p.cause) }

// panicked answers a panic.
func (s *Server) panicked(c *call.Call, p *panicked) {
	// The handler may have passed its buffers on: start afresh.
	c.In, c.Records = nil, nil
	if p.cause == http.ErrAbortHandler { // net/http's own way to hang up
		c.Abort()
		return
	}
	s.opts.Log.Error().Str("route", c.Route.Pattern).Interface("panic", p.cause).
		Bytes("stack", p.stack).Msg("handler panicked")
	c.Refuse(&wire.Error{Status: http.StatusInternalServerError, Code: "internal", Message: "internal error"})
}

// admit is nil if the call may be served: who it is comes first, so that a
// stranger learns nothing else.
func (s *Server) admit(c *call.Call, param string) error {
	c.Key = auth.Anonymous() // until it is known whose call it is: refusals are audited, too
	if err := s.checkHost(c); err != nil {
		return err
	}
	if err := s.authenticate(c); err != nil {
		return err
	}
	return c.Admit(param, s.enter)
}

// enter is nil if data routes are answered. Then the call counts as under way.
func (s *Server) enter(c *call.Call) error {
	if refused := s.refusal(); refused != nil {
		return refused
	}
	c.Admitted = s.traffic.enter()
	if !c.Admitted {
		return wire.ShuttingDown()
	}
	return nil
}

// fail answers err; what is the server's fault is logged with its cause.
func (s *Server) fail(c *call.Call, err error) {
	e := wire.ErrorOf(err)
	if e.Status == wire.StatusClientGone && s.ctx.Err() != nil && c.Request.Context().Err() == nil {
		e = wire.ShuttingDown() // the client is there still
	}
	if e.Status == http.StatusInternalServerError {
		s.opts.Log.Error().Str("route", c.Route.Pattern).Err(err).Msg("request failed")
	}
	c.Refuse(e)
}

// refusal is why data routes are not answered at this moment, or nil.
//
// Draining alone is no reason: from the signal until the drain delay is over
// the server still serves, only its readiness says 503, so that load balancers
// move away before requests fail. StopServing ends that.
func (s *Server) refusal() *wire.Error {
	if s.traffic.stopped.Load() {
		return wire.ShuttingDown()
	}
	p := s.opts.Gate.Progress()
	switch p.Phase {
	case health.PhaseReady, health.PhaseDraining:
		if s.opened() != nil {
			return nil
		}
	}
	if p.Phase == health.PhaseDraining || p.Phase == health.PhaseStopped {
		return wire.ShuttingDown()
	}
	return probes.NotReady(p)
}

// knownMethod bounds the method label of the metrics.
func knownMethod(m string) string {
	switch m {
	case "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT":
		return m
	}
	return "other"
}
