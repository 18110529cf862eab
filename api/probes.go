package api

import (
	"io"
	"net/http"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
)

// The probes are renderings of one health model: the gate's progress and the
// cached findings of the checks. They touch neither the engine's locks nor a
// disk.

// retryDefault is the Retry-After of a probe that fails for another reason
// than a replay whose end can be estimated.
const retryDefault = time.Second

// serving is why readiness is 503 at this moment, or nil. It differs from
// what data routes ask (refusal) in the drain delay and in checks that
// readiness depends on: load balancers are sent away while requests that still
// come are served.
func (s *Server) serving(h *health.Snapshot) *wire.Error {
	p := s.opts.Gate.Progress()
	if p.Phase == health.PhaseDraining {
		return wire.ShuttingDown()
	}
	if not := s.refusal(); not != nil {
		return not
	}
	if f := h.Failing(health.AffectsReadiness); f != nil {
		e := notReady(p)
		e.Message = "not ready: " + explain(f)
		return e
	}
	return nil
}

// explain is a finding with its reason.
func explain(f *health.Finding) string { return f.Name + ": " + f.Reason }

func (s *Server) uptime() time.Duration { return s.opts.Now().Sub(s.started) }

// dead returns the reason for a restart, or an empty string.
func (s *Server) dead(h *health.Snapshot) string {
	if s.opts.Now().Sub(s.opts.Health.LastBeat()) > health.StuckAfter {
		return "the process is stuck"
	}
	if f := h.Failing(health.AffectsLiveness); f != nil {
		return explain(f)
	}
	return ""
}

// writeProbe answers a probe in its own shape. A probe's answer is true only
// for the moment, so nothing may keep it.
func (s *Server) writeProbe(w http.ResponseWriter, ok bool, body any) {
	w.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(w, s.probeStatus(w, ok), body)
	call.GuardPaths(w)
}

// probeStatus is the status of a probe, with the header that 503 needs.
func (s *Server) probeStatus(w http.ResponseWriter, ok bool) int {
	if ok {
		return http.StatusOK
	}
	wait := retryDefault
	if p := s.opts.Gate.Progress(); p.Phase == health.PhaseReplaying && p.ETA > 0 {
		wait = replayWait(p)
	}
	w.Header().Set("Retry-After", wire.RetrySeconds(wait))
	return http.StatusServiceUnavailable
}

// handleHealth is GET /v0/health: the process answers.
func (s *Server) handleHealth(w http.ResponseWriter, _ *http.Request) {
	s.writeProbe(w, true, struct {
		Status  string `json:"status"`
		Version string `json:"version"`
		Uptime  int64  `json:"uptime_ms"`
	}{"ok", s.opts.Version, s.uptime().Milliseconds()})
}

// handleReady is GET /v0/ready: data routes are served.
func (s *Server) handleReady(w http.ResponseWriter, _ *http.Request) {
	h := s.opts.Health.Snapshot()
	if not := s.serving(&h); not != nil {
		w.Header().Set("Cache-Control", "no-store")
		wire.WriteError(w, call.WithheldFrom(w, not))
		return
	}
	checks := map[string]string{}
	for _, c := range h.Findings {
		checks[c.Name] = c.Status.String()
		if c.Status == health.Healthy {
			checks[c.Name] = "ok"
		}
	}
	body := struct {
		Status   string            `json:"status"`
		Replayed bool              `json:"wal_replay_complete"`
		Topics   int               `json:"topics"`
		Checks   map[string]string `json:"checks"`
	}{"ready", true, 0, checks}
	if e := s.opened(); e != nil {
		body.Topics = e.Totals().Topics
	}
	s.writeProbe(w, true, body)
}

// replayBody is how far a recovery is.
type replayBody struct {
	Progress   float64      `json:"replay_progress"`
	Phase      health.Phase `json:"phase"`
	BytesDone  int64        `json:"bytes_done"`
	BytesTotal int64        `json:"bytes_total"`
	Records    int64        `json:"records"`
	ETA        *int64       `json:"eta_ms"` // null: unknown
}

func replayOf(p health.Progress) *replayBody {
	b := &replayBody{p.Fraction, p.Phase, p.BytesDone, p.BytesTotal, p.Records, nil}
	if p.ETA >= 0 {
		b.ETA = new(p.ETA.Milliseconds())
	}
	return b
}

// handleStartupz is GET /startupz: recovery has been through, whatever came
// after it.
func (s *Server) handleStartupz(w http.ResponseWriter, _ *http.Request) {
	p := s.opts.Gate.Progress()
	if p.Fraction == 1 {
		s.writeProbe(w, true, struct {
			Status  string  `json:"status"`
			Startup float64 `json:"startup_time_seconds"`
		}{"started", p.Startup.Seconds()})
		return
	}
	body := struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
		*replayBody
	}{"starting", "", replayOf(p)}
	if p.Phase == health.PhaseFailed {
		body.Status, body.Reason = "failed", notReady(p).Message
	}
	s.writeProbe(w, false, body)
}

// handleLive is GET /live: the watchdog still beats.
func (s *Server) handleLive(w http.ResponseWriter, _ *http.Request) {
	h := s.opts.Health.Snapshot()
	s.writeProbe(w, s.dead(&h) == "", s.health(&h))
}

// handleReadyPlain is GET /ready: the status of /v0/ready, the body of
// /health, which says why it is 503.
func (s *Server) handleReadyPlain(w http.ResponseWriter, _ *http.Request) {
	h := s.opts.Health.Snapshot()
	body, not := s.health(&h), s.serving(&h)
	if not != nil {
		body.Status, body.Reason = health.Unhealthy, not.Message
	}
	s.writeProbe(w, not == nil, body)
}

// handleHealthFull is GET /health: every check with its reason. With ?strict=1
// degraded is 503, too.
func (s *Server) handleHealthFull(w http.ResponseWriter, r *http.Request) {
	h := s.opts.Health.Snapshot()
	body := s.health(&h)
	ok := body.Status == health.Healthy || body.Status == health.Degraded && !strict(r)
	s.writeProbe(w, ok, body)
}

// strict reports whether the query has strict, with any value that does not
// deny it.
func strict(r *http.Request) bool {
	q := r.URL.Query()
	value := q.Get("strict")
	return q.Has("strict") && value != "0" && value != "false"
}

// handleHealthQuick is GET /health/quick: one word.
func (s *Server) handleHealthQuick(w http.ResponseWriter, _ *http.Request) {
	h := s.opts.Health.Snapshot()
	ok := s.serving(&h) == nil && h.Status != health.Unhealthy
	word := "OK"
	if !ok {
		word = "UNAVAILABLE"
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(s.probeStatus(w, ok))
	_, _ = io.WriteString(w, word) // a call buffers: it cannot fail
}

// handleRecovery is GET /v0/recovery: the account of the last recovery, once
// there is one.
func (s *Server) handleRecovery(c *call.Call) error {
	c.Header().Set("Cache-Control", "no-store")
	var report any
	if s.opts.Report != nil {
		report = s.opts.Report(c.Key.Sees)
	}
	if report == nil {
		return notReady(s.opts.Gate.Progress())
	}
	wire.WriteJSON(c, http.StatusOK, report)
	return nil
}
