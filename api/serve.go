package api

import (
	"net/http"
	"runtime/debug"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/conns"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
)

// answer runs one request through its route: key, gate, slots, confirmation,
// handler, error map, panic guard, metrics, audit. Every answer leaves through
// here, and whatever a call holds is given back here.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, rt *route, ps httprouter.Params) {
	conn, standing := conns.Of(r), conns.Regular
	if conn != nil {
		standing = conn.Begin()
	}
	if standing == conns.Gone {
		panic(http.ErrAbortHandler)
	}
	c := beginCall(w, r)
	c.route, c.sharing, c.conn = rt, s.sharing, conn
	if standing == conns.Extra {
		c.extra, c.hangUp = true, true
	}
	c.sharing.apply(r, w.Header())
	param := ""
	if len(ps) > 0 {
		param, c.topic = ps[0].Key, pathParam(ps[0].Value)
	}
	if len(ps) > 1 {
		c.seq = pathParam(ps[1].Value)
	}
	s.run(c, param)
	s.coverAnswer(c)
	c.hangUp = c.hangUp || s.traffic.stopped.Load()
	early := c.hasRest()
	if early {
		c.sendEarly()
	}
	c.finish(s.encode(c))
	c.takeBack()
	c.giveSlots()
	if c.admitted {
		s.traffic.leave()
	}
	if early {
		c.letGo()
		s.memory.give(c)
		s.takeRest(c)
	}
	s.memory.give(c)
	s.leavePlace(c)
	s.metrics.Observe(metrics.Endpoint{Route: rt.pattern, Method: knownMethod(r.Method)}, c.status, time.Since(c.start))
	if c.audited() {
		s.audit(c)
	}
	s.underway.leave(c)
	cut := c.cut
	c.recycle()
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// takeConnection makes sure that there is room for the call's connection. One
// beyond the bound ends after its answer, and is for probes and operators.
func (s *Server) takeConnection(c *call) error {
	if kind := c.route.kind; !c.extra || kind != data && kind != streaming {
		return nil
	}
	if !c.conn.Claim() {
		return capReached("max_connections", int64(s.conns.Stats().Bound), "connections, all of them at work")
	}
	c.hangUp = false
	return nil
}

// coverAnswer has what the answer takes until it is written counted, and refuses
// the call if there is no room for that. What the request took goes back. A
// call that changed something is not refused: its answer would say that it did
// not.
func (s *Server) coverAnswer(c *call) {
	c.in = keep(c.in, keepBuffer)
	if err := s.memory.cover(c); err != nil && !c.route.changes() {
		c.letGo()
		s.memory.give(c)
		s.fail(c, err)
	}
}

// run admits the call, calls the route's handler, and turns an error or a
// panic into an answer. param is the name of what is in the path.
func (s *Server) run(c *call, param string) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		// The handler may have passed its buffers on: start afresh.
		c.in, c.records = nil, nil
		if p == http.ErrAbortHandler { // net/http's own way to hang up
			c.abort()
			return
		}
		s.opts.Log.Error().Str("route", c.route.pattern).Interface("panic", p).
			Bytes("stack", debug.Stack()).Msg("handler panicked")
		c.refuse(&wire.Error{Status: http.StatusInternalServerError, Code: "internal", Message: "internal error"})
	}()
	err := s.admit(c, param)
	kind := c.route.kind
	if err == nil && kind != probe && kind != page && kind != streaming {
		s.underway.enter(c)
	}
	if err == nil && kind != probe && kind != page {
		err = c.checkQuery()
	}
	if err == nil {
		err = c.route.serve(c)
	}
	if err != nil {
		s.fail(c, err)
	}
}

// admit is nil if the call may be served: who it is comes first, so that a
// stranger learns nothing else; then what the key may do, whether the server
// serves at all, and whether there is room for one more.
func (s *Server) admit(c *call, param string) error {
	c.key = auth.Anonymous() // until it is known whose call it is: refusals are audited, too
	if err := s.checkHost(c); err != nil {
		return err
	}
	if err := s.authenticate(c); err != nil {
		return err
	}
	c.account = s.ring.Load().sharer(c.key)
	if s.memory.cover(c) != nil {
		c.letGo() // smaller buffers may do
	}
	if err := c.permit(param); err != nil {
		return err
	}
	if err := s.takeLook(c); err != nil {
		return err
	}
	if err := s.takeConnection(c); err != nil {
		return err
	}
	if c.route.kind.gated() {
		if refused := s.refusal(); refused != nil {
			return refused
		}
		if c.admitted = s.traffic.enter(); !c.admitted {
			return wire.ShuttingDown()
		}
	}
	if err := s.takePlace(c); err != nil {
		return err
	}
	if err := s.takeRequest(c); err != nil {
		return err
	}
	if c.route.kind.confirmed() {
		return c.confirm()
	}
	return nil
}

// fail answers err; what is the server's fault is logged with its cause.
func (s *Server) fail(c *call, err error) {
	e := wire.ErrorOf(err)
	if e.Status == wire.StatusClientGone && s.ctx.Err() != nil && c.r.Context().Err() == nil {
		e = wire.ShuttingDown() // the client is there still
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
	return notReady(p)
}

// notReady is the answer of whatever waits for recovery.
func notReady(p health.Progress) *wire.Error {
	e := &wire.Error{Status: http.StatusServiceUnavailable, Code: "not_ready", Message: "the server is starting"}
	switch p.Phase {
	case health.PhaseReplaying:
		e.Message = "WAL replay in progress"
	case health.PhaseFailed:
		e.Message = "recovery failed"
		if p.Err != nil {
			e.Message += ": " + p.Err.Error()
		}
	}
	e.Report = replayOf(p)
	if p.ETA >= 0 {
		e.RetryAfter = replayWait(p)
	}
	return e
}

// knownMethod bounds the method label of the metrics.
func knownMethod(m string) string {
	switch m {
	case "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT":
		return m
	}
	return "other"
}
