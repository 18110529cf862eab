package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal"
)

// endpoints returns the rows of the route table as the metrics label them.
func (s *Server) endpoints() []metrics.Endpoint {
	var all []metrics.Endpoint
	for _, rt := range s.routes() {
		all = append(all, metrics.Endpoint{Route: rt.Pattern, Method: rt.Method})
		if rt.Method == "GET" {
			all = append(all, metrics.Endpoint{Route: rt.Pattern, Method: "HEAD"})
		}
	}
	for _, method := range append([]string{"OPTIONS"}, methods...) {
		all = append(all, metrics.Endpoint{Route: call.Unmatched, Method: method})
	}
	return all
}

// ObserveGroup counts one sync of the log. It is for wal.Options.Observe.
func (s *Server) ObserveGroup(g wal.Group) { s.metrics.ObserveGroup(g) }

// observeOperation counts a WebSocket command that has been answered. refused is
// nil if it succeeded.
func (s *Server) observeOperation(op string, refused *wire.Error) {
	code := "ok"
	if refused != nil {
		code = refused.Code
	}
	s.metrics.ObserveOperation(op, code)
}

// observeDelivery counts records that were just handed to a client that waited
// for them. ts is when the first of them was appended, in Unix milliseconds.
func (s *Server) observeDelivery(ts int64) { s.metrics.ObserveDelivery(s.opts.Now().UnixMilli() - ts) }

// readings reads what the metrics show of others, except what belongs to names.
func (s *Server) readings() metrics.Readings {
	h := s.opts.Health.Snapshot()
	r := metrics.Readings{
		Version:  s.opts.Version,
		Ready:    s.probes.Serving(&h) == nil,
		Progress: s.opts.Gate.Progress(),
		Checks:   h.Findings,
		Uptime:   s.probes.Uptime(),
	}
	if s.opts.Recovered != nil {
		r.Recovered = s.opts.Recovered()
	}
	if e := s.opened(); e != nil {
		r.Totals, r.Pressure = e.Totals(), e.Pressure()
		if s.opts.WAL != nil {
			r.Log = s.opts.WAL()
		}
		if s.opts.Storage != nil {
			r.Storage = s.opts.Storage.Stats()
		}
	}
	if s.opts.LastBackup != nil {
		r.LastBackup = s.opts.LastBackup()
	}
	if s.opts.LastVerified != nil {
		r.LastVerified = s.opts.LastVerified()
	}
	if s.opts.Disk != nil {
		r.DiskFree, r.DiskTotal = s.opts.Disk()
	}
	r.Sessions, r.Streams = s.watches.counts()
	r.Streams += s.workers.count()
	r.Sockets = s.sockets.count()
	r.Conns = s.conns.Stats()
	return r
}

// readingsFor adds the topics and routers that the call's key sees, and takes the memory
// for rendering all of it.
func (s *Server) readingsFor(c *call.Call) (*metrics.Readings, error) {
	if err := s.takeMetrics(c); err != nil {
		return nil, err
	}
	r := s.readings()
	e := s.opened()
	if e == nil {
		return &r, nil
	}
	most := s.opts.Limits.MetricsMaxTopics // of each
	rows, err := c.TakePage(2*most, r.Totals.Topics+r.Totals.Routers, gaugeRow)
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
	return &r, s.takeGauges(c, &r)
}

// metricsText returns everything that the call's key may see in the Prometheus text
// format.
func (s *Server) metricsText(c *call.Call) ([]byte, error) {
	r, err := s.readingsFor(c)
	if err != nil {
		return nil, err
	}
	return s.metrics.Text(r), nil
}

// handleMetrics answers in text or JSON, as Accept prefers, in every phase.
func (s *Server) handleMetrics(c *call.Call) error {
	c.Header().Set("Cache-Control", "no-store")
	c.Header().Add("Vary", "Accept")
	if wire.PrefersJSON(c.Request.Header["Accept"]) {
		r, err := s.readingsFor(c)
		if err != nil {
			return err
		}
		wire.WriteJSON(c, http.StatusOK, s.metrics.JSON(r))
		return nil
	}
	text, err := s.metricsText(c)
	if err != nil {
		return err
	}
	c.Header().Set("Content-Type", metrics.MediaText)
	c.WriteHeader(http.StatusOK)
	_, _ = c.Write(text) // a call buffers: it cannot fail
	return nil
}

// handleMetricNames is GET /actuator/metrics: the families that have series.
func (s *Server) handleMetricNames(c *call.Call) error {
	text, err := s.metricsText(c)
	if err != nil {
		return err
	}
	s.probes.Write(c, true, struct {
		Names []string `json:"names"`
	}{metrics.Names(text)})
	return nil
}

// handleMetric is GET /actuator/metrics/:name.
func (s *Server) handleMetric(c *call.Call) error {
	f, ok := metrics.NewFamily(c.Topic)
	if !ok {
		return &wire.Error{Status: http.StatusNotFound, Code: "not_found", Message: "no such metric; /actuator/metrics has the names"}
	}
	wanted, err := tagsOf(c.Request.URL.Query()["tag"])
	if err != nil {
		return err
	}
	text, err := s.metricsText(c)
	if err != nil {
		return err
	}
	f.Read(text, wanted)
	s.probes.Write(c, true, f)
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
