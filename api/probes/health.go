package probes

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

func (hs *Handlers) body(h *health.Snapshot) healthBody {
	b := healthBody{
		Status:      h.Status,
		Timestamp:   h.Taken.UTC().Format(time.RFC3339Nano),
		Version:     hs.Version,
		NodeID:      hs.NodeID,
		Uptime:      hs.Uptime().Seconds(),
		Phase:       hs.Gate.Progress().Phase,
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
	if hs.Refusal() == nil {
		b.ActiveShards = 1
	}
	if hs.Position != nil {
		p := hs.Position()
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

// liveness is GET /actuator/health/liveness.
func (hs *Handlers) liveness(w http.ResponseWriter, _ *http.Request) {
	h := hs.Health.Snapshot()
	hs.writeActuator(w, "livenessProbe", hs.dead(&h))
}

// readiness is GET /actuator/health/readiness.
func (hs *Handlers) readiness(w http.ResponseWriter, _ *http.Request) {
	h := hs.Health.Snapshot()
	reason := ""
	if not := hs.Serving(&h); not != nil {
		reason = not.Message
	} else {
		reason = unhealthy(&h)
	}
	hs.writeActuator(w, "readinessProbe", reason)
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
func (hs *Handlers) writeActuator(w http.ResponseWriter, probe, down string) {
	p := hs.Gate.Progress()
	c := actuatorComponent{actuatorUp, struct{}{}}
	switch {
	case p.Phase == health.PhaseFailed:
		c = actuatorComponent{actuatorDown, downDetails{Reason: NotReady(p).Message}}
	case p.Phase == health.PhaseStarting || p.Phase == health.PhaseReplaying:
		c = actuatorComponent{actuatorInit, replayOf(p)}
	case down != "":
		c = actuatorComponent{actuatorDown, downDetails{down, p.Phase}}
	}
	hs.Write(w, c.Status == actuatorUp, actuatorBody{c.Status, map[string]actuatorComponent{probe: c}})
}

// Info is GET /actuator/info: what runs here, and, for those who may
// read, how it is configured.
func (hs *Handlers) Info(w http.ResponseWriter, _ *http.Request) {
	config := hs.Config
	if config == nil || !call.Reads(w) {
		config = map[string]any{}
	}
	type app struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	hs.Write(w, true, struct {
		App    app               `json:"app"`
		Build  map[string]string `json:"build"`
		Config map[string]any    `json:"config"`
	}{app{"topics", hs.Version}, buildInfo(), config})
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
