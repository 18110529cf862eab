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

// index is what an index points to: all of it, and without what is for operators,
// on a listener that has not their routes.
type index struct{ all, beside map[string]link }

func indexOf(operators []string, others ...string) index {
	return index{links(slices.Concat(operators, others)...), links(others...)}
}

// on returns the links of a route's listener.
func (i index) on(rt *call.Route) map[string]link {
	if rt.Beside {
		return i.beside
	}
	return i.all
}

// rootLinks are what / and /v0 point to.
var rootLinks = indexOf([]string{"stats /v0/admin/stats", "audit /v0/admin/audit", "sessions /v0/admin/sessions", "metrics /v0/metrics"},
	"topics /v0/topics", "routers /v0/routers", "watch /v0/watch", "ws /v0/ws",
	"openapi /v0/openapi.json", "asyncapi /v0/asyncapi.json", "health /v0/health", "ready /v0/ready", "recovery /v0/recovery", "actuator /actuator")

// Root is GET / for all but browsers: the index once data routes are
// served, and why not until then, because load balancers ask it by default.
func (hs *Handlers) Root(c *call.Call) error {
	c.Header().Set("Vary", "Accept")
	h := hs.Health.Snapshot()
	if hs.Serving(&h) != nil {
		hs.Ready(c, c.Request)
		return nil
	}
	return hs.Index(c)
}

// Index is GET /v0: what this is and where to go on.
func (hs *Handlers) Index(c *call.Call) error {
	hs.Write(c, true, struct {
		Name    string          `json:"name"`
		Version string          `json:"version"`
		Links   map[string]link `json:"_links"`
	}{"topics", hs.Version, rootLinks.on(c.Route)})
	return nil
}

var actuatorLinks = indexOf([]string{"metrics /actuator/metrics", "metric /actuator/metrics/{name}"},
	"self /actuator", "health /actuator/health", "liveness /actuator/health/liveness", "readiness /actuator/health/readiness",
	"health-check /actuator/health/{check}", "info /actuator/info")

// Actuator is GET /actuator.
func (hs *Handlers) Actuator(c *call.Call) error {
	hs.Write(c, true, struct {
		Links map[string]link `json:"_links"`
	}{actuatorLinks.on(c.Route)})
	return nil
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
