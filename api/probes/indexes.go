package probes

import (
	"net/http"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery/health"
)

// link is one entry of an index, in the form that Spring's actuator has.
type link struct {
	Href string `json:"href"`
}

func links(paths ...string) map[string]link {
	all := map[string]link{}
	for _, p := range paths {
		name, path, _ := strings.Cut(p, " ")
		all[name] = link{path}
	}
	return all
}

// rootLinks are what / and /v0 point to.
var rootLinks = links("topics /v0/topics", "routers /v0/routers", "watch /v0/watch", "ws /v0/ws",
	"stats /v0/admin/stats", "audit /v0/admin/audit", "sessions /v0/admin/sessions",
	"openapi /v0/openapi.json", "asyncapi /v0/asyncapi.json", "health /v0/health", "ready /v0/ready", "recovery /v0/recovery", "metrics /v0/metrics", "actuator /actuator")

// Root is GET / for all but browsers: the index once data routes are
// served, and why not until then, because load balancers ask it by default.
func (hs *Handlers) Root(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	h := hs.Health.Snapshot()
	if hs.Serving(&h) != nil {
		hs.Ready(w, r)
		return
	}
	hs.Index(w, r)
}

// Index is GET /v0: what this is and where to go on.
func (hs *Handlers) Index(w http.ResponseWriter, _ *http.Request) {
	hs.Write(w, true, struct {
		Name    string          `json:"name"`
		Version string          `json:"version"`
		Links   map[string]link `json:"_links"`
	}{"topics", hs.Version, rootLinks})
}

var actuatorLinks = links("self /actuator", "health /actuator/health", "liveness /actuator/health/liveness", "readiness /actuator/health/readiness",
	"health-check /actuator/health/{check}", "info /actuator/info", "metrics /actuator/metrics", "metric /actuator/metrics/{name}")

// Actuator is GET /actuator.
func (hs *Handlers) Actuator(w http.ResponseWriter, _ *http.Request) {
	hs.Write(w, true, struct {
		Links map[string]link `json:"_links"`
	}{actuatorLinks})
}

// checkComponent is a check as the actuator shows it. What is degraded is up.
type checkComponent struct {
	Status  string       `json:"status"`
	Details checkDetails `json:"details"`
}

type checkDetails struct {
	Health health.Status `json:"health"`
	Reason string        `json:"reason,omitempty"`
}

func componentOf(c health.Finding) checkComponent {
	status := actuatorUp
	if c.Status == health.Unhealthy {
		status = actuatorDown
	}
	return checkComponent{status, checkDetails{c.Status, c.Reason}}
}

// ActuatorHealth is GET /actuator/health: readiness, with every check and
// where each is alone.
func (hs *Handlers) ActuatorHealth(w http.ResponseWriter, _ *http.Request) {
	h := hs.Health.Snapshot()
	body := struct {
		Status     string                    `json:"status"`
		Groups     []string                  `json:"groups"`
		Components map[string]checkComponent `json:"components"`
		Links      map[string]link           `json:"_links"`
	}{actuatorUp, []string{"liveness", "readiness"}, map[string]checkComponent{}, links("self /actuator/health",
		"liveness /actuator/health/liveness", "readiness /actuator/health/readiness")}
	switch p := hs.Gate.Progress(); {
	case p.Phase == health.PhaseStarting || p.Phase == health.PhaseReplaying:
		body.Status = actuatorInit
	case hs.Serving(&h) != nil || h.Status == health.Unhealthy:
		body.Status = actuatorDown
	}
	for _, c := range h.Findings {
		body.Components[c.Name] = componentOf(c)
		body.Links[c.Name] = link{"/actuator/health/" + c.Name}
	}
	hs.Write(w, body.Status == actuatorUp, body)
}

// ActuatorCheck is GET /actuator/health/:check: liveness, readiness, or
// one check.
func (hs *Handlers) ActuatorCheck(c *call.Call) error {
	name := c.Topic
	switch name {
	case "liveness":
		hs.liveness(c, c.Request)
		return nil
	case "readiness":
		hs.readiness(c, c.Request)
		return nil
	}
	checks := hs.Health.Snapshot().Findings
	i := slices.IndexFunc(checks, func(h health.Finding) bool { return h.Name == name })
	if i < 0 {
		return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such check; /actuator/health has the names"}
	}
	body := componentOf(checks[i])
	hs.Write(c, body.Status == actuatorUp, body)
	return nil
}
