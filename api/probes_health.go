package api

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/recovery/health"
)

// healthBody is the body of /health, /live and /ready.
type healthBody struct {
	Status       health.Status        `json:"status"`
	Reason       string               `json:"reason,omitempty"` // of /ready's 503
	Timestamp    string               `json:"timestamp"`
	Version      string               `json:"version"`
	NodeID       string               `json:"node_id"`
	Uptime       float64              `json:"uptime_seconds"`
	Phase        health.Phase         `json:"phase"`
	Checks       map[string]checkBody `json:"checks"`
	TotalShards  int                  `json:"total_shards"`
	ActiveShards int                  `json:"active_shards"`
	Shards       []shardBody          `json:"shards"`
}

type checkBody struct {
	Status health.Status `json:"status"`
	Reason string        `json:"reason,omitempty"`
}

// shardBody describes a log stream, of which there is one. Its positions are
// log positions in bytes: commit_index is what is synced, last_applied what of
// it is applied to the indexes. raft_term counts the starts.
type shardBody struct {
	ID          int           `json:"id"`
	Status      health.Status `json:"status"`
	IsLeader    bool          `json:"is_leader"`
	Term        uint64        `json:"raft_term"`
	CommitIndex uint64        `json:"commit_index"`
	LastApplied uint64        `json:"last_applied"`
}

func (s *Server) health(h *health.Snapshot) healthBody {
	b := healthBody{
		Status:      h.Status,
		Timestamp:   h.Taken.UTC().Format(time.RFC3339Nano),
		Version:     s.opts.Version,
		NodeID:      s.opts.NodeID,
		Uptime:      s.uptime().Seconds(),
		Phase:       s.opts.Gate.Progress().Phase,
		Checks:      make(map[string]checkBody, len(h.Findings)),
		TotalShards: 1,
	}
	for _, c := range h.Findings {
		b.Checks[c.Name] = checkBody{c.Status, c.Reason}
	}
	shard := shardBody{Status: h.Status, IsLeader: true}
	if log, ok := b.Checks["log"]; ok {
		shard.Status = log.Status
	}
	if s.refusal() == nil {
		b.ActiveShards = 1
	}
	if s.opts.Position != nil {
		p := s.opts.Position()
		shard.Term, shard.CommitIndex, shard.LastApplied = p.Starts, p.Synced, p.Applied
	}
	b.Shards = []shardBody{shard}
	return b
}

// The statuses of the actuator probes.
const (
	actuatorInit = "INIT"
	actuatorUp   = "UP"
	actuatorDown = "DOWN"
)

// handleLiveness is GET /actuator/health/liveness.
func (s *Server) handleLiveness(w http.ResponseWriter, _ *http.Request) {
	h := s.opts.Health.Snapshot()
	s.writeActuator(w, "livenessProbe", s.dead(&h))
}

// handleReadiness is GET /actuator/health/readiness.
func (s *Server) handleReadiness(w http.ResponseWriter, _ *http.Request) {
	h := s.opts.Health.Snapshot()
	reason := ""
	if not := s.serving(&h); not != nil {
		reason = not.Message
	} else {
		reason = unhealthy(&h)
	}
	s.writeActuator(w, "readinessProbe", reason)
}

// unhealthy names what is unhealthy of the server itself, with the reasons; it
// is empty if nothing is.
func unhealthy(h *health.Snapshot) string {
	var reasons []string
	for i := range h.Findings {
		if f := &h.Findings[i]; f.Status == health.Unhealthy && f.Affects == health.AffectsServer {
			reasons = append(reasons, explain(f))
		}
	}
	return strings.Join(reasons, "; ")
}

// actuatorBody is an actuator probe's answer, in the order that people read.
type actuatorBody struct {
	Status     string                       `json:"status"`
	Components map[string]actuatorComponent `json:"components"`
}

type actuatorComponent struct {
	Status  string `json:"status"`
	Details any    `json:"details"`
}

// downDetails is why an actuator probe is DOWN.
type downDetails struct {
	Reason string       `json:"reason"`
	Phase  health.Phase `json:"phase,omitempty"`
}

// writeActuator answers an actuator probe: INIT until recovery is through,
// DOWN when it failed or the probe has a reason.
func (s *Server) writeActuator(w http.ResponseWriter, probe, down string) {
	p := s.opts.Gate.Progress()
	c := actuatorComponent{actuatorUp, struct{}{}}
	switch {
	case p.Phase == health.PhaseFailed:
		c = actuatorComponent{actuatorDown, downDetails{Reason: notReady(p).Message}}
	case p.Phase == health.PhaseStarting || p.Phase == health.PhaseReplaying:
		c = actuatorComponent{actuatorInit, replayOf(p)}
	case down != "":
		c = actuatorComponent{actuatorDown, downDetails{down, p.Phase}}
	}
	s.writeProbe(w, c.Status == actuatorUp, actuatorBody{c.Status, map[string]actuatorComponent{probe: c}})
}

// handleInfo is GET /actuator/info: what runs here, and, for those who may
// read, how it is configured.
func (s *Server) handleInfo(w http.ResponseWriter, _ *http.Request) {
	config := s.opts.Config
	if config == nil || !call.Reads(w) {
		config = map[string]any{}
	}
	type app struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	s.writeProbe(w, true, struct {
		App    app               `json:"app"`
		Build  map[string]string `json:"build"`
		Config map[string]any    `json:"config"`
	}{app{"topics", s.opts.Version}, buildInfo(), config})
}

// buildInfo returns the build information of the binary.
var buildInfo = sync.OnceValue(func() map[string]string {
	b := map[string]string{"go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b["module"] = info.Main.Path
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b["revision"] = s.Value
		case "vcs.time":
			b["time"] = s.Value
		case "vcs.modified":
			b["modified"] = s.Value
		}
	}
	return b
})
