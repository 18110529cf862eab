package probes

import (
	"io"
	"net/http"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
)

// The probes are renderings of one health model: the gate's progress and the
// cached findings of the checks.

// retryDefault is the Retry-After of a probe that fails for another reason
// than a replay whose end can be estimated.
const retryDefault = time.Second

// Serving is why readiness is 503 at this moment, or nil. It differs from
// what data routes ask (Refusal) in the drain delay and in checks that
// readiness depends on: load balancers are sent away while requests that still
// come are served.
func (hs *Handlers) Serving(h *health.Snapshot) *wire.Error {
	p := hs.Gate.Progress()
	if p.Phase == health.PhaseDraining {
		return wire.ShuttingDown()
	}
	if not := hs.Refusal(); not != nil {
		return not
	}
	if f := h.Failing(health.AffectsReadiness); f != nil {
		e := NotReady(p)
		e.Message = "not ready: " + explain(f)
		return e
	}
	return nil
}

// explain is a finding with its reason.
func explain(f *health.Finding) string { return f.Name + ": " + f.Reason }

// Uptime is how long the server has run.
func (hs *Handlers) Uptime() time.Duration { return hs.Now().Sub(hs.Start) }

// dead returns the reason for a restart, or an empty string.
func (hs *Handlers) dead(h *health.Snapshot) string {
	if hs.Now().Sub(hs.Health.LastBeat()) > health.StuckAfter {
		return "the process is stuck"
	}
	if f := h.Failing(health.AffectsLiveness); f != nil {
		return explain(f)
	}
	return ""
}

// Write answers a probe in its own shape. A probe's answer is true only
// for the moment, so nothing may keep it.
func (hs *Handlers) Write(w http.ResponseWriter, ok bool, body any) {
	w.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(w, hs.probeStatus(w, ok), body)
	call.GuardPaths(w)
}

// probeStatus is the status of a probe, with the header that 503 needs.
func (hs *Handlers) probeStatus(w http.ResponseWriter, ok bool) int {
	if ok {
		return http.StatusOK
	}
	wait := retryDefault
	if p := hs.Gate.Progress(); p.Phase == health.PhaseReplaying && p.ETA > 0 {
		wait = replayWait(p)
	}
	w.Header().Set("Retry-After", wire.RetrySeconds(wait))
	return http.StatusServiceUnavailable
}

// Alive is GET /v0/health: the process answers.
func (hs *Handlers) Alive(w http.ResponseWriter, _ *http.Request) {
	hs.Write(w, true, struct {
		Status  string `json:"status"`
		Version string `json:"version"`
		Uptime  int64  `json:"uptime_ms"`
	}{"ok", hs.Version, hs.Uptime().Milliseconds()})
}

// Ready is GET /v0/ready: data routes are served.
func (hs *Handlers) Ready(w http.ResponseWriter, _ *http.Request) {
	h := hs.Health.Snapshot()
	if not := hs.Serving(&h); not != nil {
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
	if e := hs.Engine(); e != nil {
		body.Topics = e.Totals().Topics
	}
	hs.Write(w, true, body)
}

// Started is GET /startupz: recovery has been through, whatever came
// after it.
func (hs *Handlers) Started(w http.ResponseWriter, _ *http.Request) {
	p := hs.Gate.Progress()
	if p.Fraction == 1 {
		hs.Write(w, true, struct {
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
		body.Status, body.Reason = "failed", NotReady(p).Message
	}
	hs.Write(w, false, body)
}

// Live is GET /live: the watchdog still beats.
func (hs *Handlers) Live(w http.ResponseWriter, _ *http.Request) {
	h := hs.Health.Snapshot()
	hs.Write(w, hs.dead(&h) == "", hs.body(&h))
}

// ReadyChecks is GET /ready: the status code of /v0/ready, the body of
// /health, and the reason for a 503, which need not be a check.
func (hs *Handlers) ReadyChecks(w http.ResponseWriter, _ *http.Request) {
	h := hs.Health.Snapshot()
	body, not := hs.body(&h), hs.Serving(&h)
	if not != nil {
		body.Reason = not.Message
	}
	hs.Write(w, not == nil, body)
}

// Checks is GET /health: every check with its reason. With ?strict=1
// degraded is 503, too.
func (hs *Handlers) Checks(w http.ResponseWriter, r *http.Request) {
	h := hs.Health.Snapshot()
	body := hs.body(&h)
	ok := body.Status == health.Healthy || body.Status == health.Degraded && !strict(r)
	hs.Write(w, ok, body)
}

// strict reports whether the query has strict, with any value that does not
// deny it.
func strict(r *http.Request) bool {
	q := r.URL.Query()
	value := q.Get("strict")
	return q.Has("strict") && value != "0" && value != "false"
}

// Quick is GET /health/quick: one word.
func (hs *Handlers) Quick(w http.ResponseWriter, _ *http.Request) {
	h := hs.Health.Snapshot()
	ok := hs.Serving(&h) == nil && h.Status != health.Unhealthy
	word := "OK"
	if !ok {
		word = "UNAVAILABLE"
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(hs.probeStatus(w, ok))
	_, _ = io.WriteString(w, word) // a call buffers: it cannot fail
}

// Recovery is GET /v0/recovery: the account of the last recovery, once
// there is one.
func (hs *Handlers) Recovery(c *call.Call) error {
	c.Header().Set("Cache-Control", "no-store")
	var report any
	if hs.Report != nil {
		report = hs.Report(c.Key.Sees)
	}
	if report == nil {
		return NotReady(hs.Gate.Progress())
	}
	wire.WriteJSON(c, http.StatusOK, report)
	return nil
}
