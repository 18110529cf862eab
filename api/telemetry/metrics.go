package telemetry

import (
	"net/http"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
)

// readings reads what the metrics show of others, except what belongs to names.
func (h *Handlers) readings() metrics.Readings {
	found := h.Probes.Health.Snapshot()
	r := metrics.Readings{
		Version:  h.Probes.Version,
		Ready:    h.Probes.Serving(&found) == nil,
		Progress: h.Probes.Gate.Progress(),
		Checks:   found.Findings,
		Uptime:   h.Probes.Uptime(),
	}
	if h.Recovered != nil {
		r.Recovered = h.Recovered()
	}
	if e := h.Engine(); e != nil {
		r.Totals, r.Pressure = e.Totals(), e.Pressure()
		if h.WAL != nil {
			r.Log = h.WAL()
		}
		if h.Storage != nil {
			r.Storage = h.Storage.Stats()
		}
	}
	if h.LastBackup != nil {
		r.LastBackup = h.LastBackup()
	}
	if h.LastVerified != nil {
		r.LastVerified = h.LastVerified()
	}
	if h.Disk != nil {
		r.DiskFree, r.DiskTotal = h.Disk()
	}
	r.Sessions, r.Streams, r.Sockets = h.Sessions()
	r.Conns, r.Looped = h.Conns.Stats(), h.Loops.Len()
	return r
}

// readingsFor adds the topics and routers that the call's key sees, and takes the memory
// for rendering all of it.
func (h *Handlers) readingsFor(c *call.Call) (*metrics.Readings, error) {
	if err := h.takeMetrics(c); err != nil {
		return nil, err
	}
	r := h.readings()
	e := h.Engine()
	if e == nil {
		return &r, nil
	}
	most := h.Limits.MetricsMaxTopics // of each
	rows, err := c.TakePage(2*most, r.Totals.Topics+r.Totals.Routers, metrics.GaugeRow)
	if err != nil {
		return nil, err
	}
	most = min(most, (rows+1)/2)
	r.Topics, r.TopicsTruncated = e.Busiest(most)
	r.Topics = slices.DeleteFunc(r.Topics, func(t topics.TopicGauge) bool { return !c.Key.Sees(t.Name) })
	page, _ := e.Routers("", "", "", "", most)
	for _, x := range page {
		if c.Key.Sees(x.Name) && c.Key.Sees(x.Spec.Source) && c.Key.Sees(x.Spec.Dest) {
			r.Routers = append(r.Routers, x)
		}
	}
	return &r, h.takeGauges(c, &r)
}

// Text returns everything that the call's key may see in the Prometheus text
// format.
func (h *Handlers) Text(c *call.Call) ([]byte, error) {
	r, err := h.readingsFor(c)
	if err != nil {
		return nil, err
	}
	return h.Set.Text(r), nil
}

// Metrics answers in text or JSON, as Accept prefers, in every phase.
func (h *Handlers) Metrics(c *call.Call) error {
	c.Header().Set("Cache-Control", "no-store")
	c.Header().Add("Vary", "Accept")
	if wire.PrefersJSON(c.Request.Header["Accept"]) {
		r, err := h.readingsFor(c)
		if err != nil {
			return err
		}
		wire.WriteJSON(c, http.StatusOK, h.Set.JSON(r))
		return nil
	}
	text, err := h.Text(c)
	if err != nil {
		return err
	}
	c.Header().Set("Content-Type", metrics.MediaText)
	c.WriteHeader(http.StatusOK)
	_, _ = c.Write(text) // a call buffers: it cannot fail
	return nil
}

// MetricNames is GET /actuator/metrics: the families that have series.
func (h *Handlers) MetricNames(c *call.Call) error {
	text, err := h.Text(c)
	if err != nil {
		return err
	}
	h.Probes.Write(c, true, struct {
		Names []string `json:"names"`
	}{metrics.Names(text)})
	return nil
}

// Metric is GET /actuator/metrics/:name.
func (h *Handlers) Metric(c *call.Call) error {
	f, ok := metrics.NewFamily(c.Topic)
	if !ok {
		return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such metric; /actuator/metrics has the names"}
	}
	wanted, err := tagsOf(c.Request.URL.Query()["tag"])
	if err != nil {
		return err
	}
	text, err := h.Text(c)
	if err != nil {
		return err
	}
	f.Read(text, wanted)
	h.Probes.Write(c, true, f)
	return nil
}

// tagsOf reads the parameters tag=name:value.
func tagsOf(params []string) ([]metrics.Label, error) {
	var all []metrics.Label
	for _, p := range params {
		name, value, ok := strings.Cut(p, ":")
		if !ok {
			bad := wire.Invalid("tag %q is not of the form name:value", p)
			bad.Detail = map[string]any{"field": "tag"}
			return nil, bad
		}
		all = append(all, metrics.Label{Name: name, Value: value})
	}
	return all, nil
}
