package api

import (
	"net/http"
	"runtime/debug"
	"time"

	"github.com/julienschmidt/httprouter"
)

// answer runs one request through its route: gate, confirmation, handler,
// error map, panic guard, metrics, audit. Every answer leaves through here.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, rt *route, ps httprouter.Params) {
	c := beginCall(w, r)
	c.route = rt
	if len(ps) > 0 {
		c.topic = pathParam(ps[0].Value)
	}
	s.run(c)
	c.finish()
	s.memory.give(c)
	s.observe(rt.pattern, knownMethod(r.Method), c.status, time.Since(c.start))
	if rt.kind == admin {
		s.audit(c)
	}
	cut := c.cut
	c.recycle()
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// run calls the route's handler and turns an error or a panic into an answer.
// http.ErrAbortHandler goes on up: it is net/http's own way to hang up.
func (s *Server) run(c *call) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		s.opts.Log.Error().Str("route", c.route.pattern).Interface("panic", p).
			Bytes("stack", debug.Stack()).Msg("handler panicked")
		// The handler may have left its buffers with somebody: start afresh.
		c.in, c.records = nil, nil
		c.refuse(&Error{Status: http.StatusInternalServerError, Code: "internal", Message: "internal error"})
	}()
	if c.route.kind != probe {
		if refused := s.refusal(); refused != nil {
			c.refuse(refused)
			return
		}
	}
	if c.route.kind == admin {
		if err := c.confirm(); err != nil {
			s.fail(c, err)
			return
		}
	}
	if err := c.route.serve(c); err != nil {
		s.fail(c, err)
	}
}

// fail answers err; what is the server's fault is logged with its cause.
func (s *Server) fail(c *call, err error) {
	e := errorOf(err)
	if e.Status == statusClientGone && s.ctx.Err() != nil {
		e = shuttingDown()
	}
	if e.Status == http.StatusInternalServerError {
		s.opts.Log.Error().Str("route", c.route.pattern).Err(err).Msg("request failed")
	}
	c.refuse(e)
}

// refusal is why data routes are not answered at this moment, or nil.
//
// Draining alone is no reason: from the signal until the drain delay is over
// the server still serves, only its readiness says 503, so that load balancers
// move away before requests fail. StopServing ends that.
func (s *Server) refusal() *Error {
	if s.stopServing.Load() {
		return shuttingDown()
	}
	p := s.opts.Gate.Progress()
	switch p.Phase {
	case PhaseReady, PhaseDraining:
		if s.opened() != nil {
			return nil
		}
	}
	if p.Phase == PhaseDraining || p.Phase == PhaseStopped {
		return shuttingDown()
	}
	return notReady(p)
}

// notReady is the answer of whatever waits for recovery.
func notReady(p Progress) *Error {
	e := &Error{Status: http.StatusServiceUnavailable, Code: "not_ready", Message: "the server is starting"}
	switch p.Phase {
	case PhaseReplaying:
		e.Message = "WAL replay in progress"
	case PhaseFailed:
		e.Message = "recovery failed"
		if p.Err != nil {
			e.Message += ": " + p.Err.Error()
		}
	}
	e.Detail = map[string]any{
		"replay_progress": p.Fraction,
		"phase":           p.Phase,
		"bytes_done":      p.BytesDone,
		"bytes_total":     p.BytesTotal,
		"records":         p.Records,
		"eta_ms":          nil,
	}
	if p.ETA >= 0 {
		e.Detail["eta_ms"] = p.ETA.Milliseconds()
		e.RetryAfter = min(p.ETA, maxRetryAfter)
	}
	return e
}

// maxRetryAfter keeps a long replay's estimate from sending clients away for
// good: the estimate may be wrong.
const maxRetryAfter = 10 * time.Second

// knownMethod bounds the method label of the metrics.
func knownMethod(m string) string {
	switch m {
	case "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT":
		return m
	}
	return "other"
}
