package api

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// healthBody is the body of /health, /live and /ready.
type healthBody struct {
	Status       string               `json:"status"`
	Timestamp    string               `json:"timestamp"`
	Version      string               `json:"version"`
	NodeID       string               `json:"node_id"`
	Uptime       float64              `json:"uptime_seconds"`
	Phase        string               `json:"phase"`
	Checks       map[string]checkBody `json:"checks"`
	TotalShards  int                  `json:"total_shards"`
	ActiveShards int                  `json:"active_shards"`
	Shards       []shardBody          `json:"shards"`
}

type checkBody struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// shardBody describes a log stream, of which there is one. Its positions are
// log positions in bytes: commit_index is what is written, last_applied what
// is synced of it.
type shardBody struct {
	ID          int    `json:"id"`
	Status      string `json:"status"`
	CommitIndex uint64 `json:"commit_index"`
	LastApplied uint64 `json:"last_applied"`
}

func (s *Server) health() healthBody {
	h := s.opts.Health.Snapshot()
	b := healthBody{
		Status:      h.Status,
		Timestamp:   s.opts.Now().UTC().Format(time.RFC3339Nano),
		Version:     s.opts.Version,
		NodeID:      s.opts.NodeID,
		Uptime:      s.uptime().Seconds(),
		Phase:       s.opts.Gate.Progress().Phase,
		Checks:      make(map[string]checkBody, len(h.Checks)),
		TotalShards: 1,
	}
	for _, c := range h.Checks {
		b.Checks[c.Name] = checkBody{c.Status, c.Reason}
	}
	shard := shardBody{Status: h.Status}
	if log, ok := b.Checks["log"]; ok {
		shard.Status = log.Status
	}
	if s.refusal() == nil {
		b.ActiveShards = 1
	}
	if s.opts.Positions != nil {
		shard.CommitIndex, shard.LastApplied = s.opts.Positions()
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
	s.writeActuator(w, "livenessProbe", s.stuck())
}

// handleReadiness is GET /actuator/health/readiness.
func (s *Server) handleReadiness(w http.ResponseWriter, _ *http.Request) {
	down := s.serving() != nil || s.opts.Health.Snapshot().Status == Unhealthy
	s.writeActuator(w, "readinessProbe", down)
}

// writeActuator answers an actuator probe: INIT until recovery is through,
// DOWN when it failed or the probe says so.
func (s *Server) writeActuator(w http.ResponseWriter, probe string, down bool) {
	p := s.opts.Gate.Progress()
	status, details := actuatorUp, map[string]any{}
	switch {
	case p.Phase == PhaseFailed:
		status, details["reason"] = actuatorDown, notReady(p).Message
	case p.Phase == PhaseStarting || p.Phase == PhaseReplaying:
		status, details = actuatorInit, notReady(p).Detail
	case down:
		status, details["phase"] = actuatorDown, p.Phase
	}
	s.writeProbe(w, status == actuatorUp, map[string]any{
		"status":     status,
		"components": map[string]any{probe: map[string]any{"status": status, "details": details}},
	})
}

// handleInfo is GET /actuator/info: what runs here, and, for those who may
// read, how it is configured.
func (s *Server) handleInfo(w http.ResponseWriter, _ *http.Request) {
	config := s.opts.Config
	if config == nil || !reads(w) {
		config = map[string]any{}
	}
	s.writeProbe(w, true, map[string]any{
		"app":    map[string]string{"name": "topics", "version": s.opts.Version},
		"build":  buildInfo(),
		"config": config,
	})
}

// buildInfo is what the compiler left in the binary.
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
