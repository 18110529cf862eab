package api

import (
	"bytes"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/topics"
)

// routersShown are the routers that have series of their own: the first by
// name, as many as there may be topics, and of them those that a key sees.
func (s *Server) routersShown(k *auth.Key) (shown []topics.RouterState) {
	e := s.opened()
	if e == nil {
		return nil
	}
	page, _ := e.Routers("", "", "", "", s.opts.Limits.MetricsMaxTopics)
	for _, r := range page {
		if k.Sees(r.Name) && k.Sees(r.Spec.Source) && k.Sees(r.Spec.Dest) {
			shown = append(shown, r)
		}
	}
	return shown
}

func (s *Server) writeRouterSeries(w *bytes.Buffer, k *auth.Key) {
	page := s.routersShown(k)
	for _, f := range []struct {
		name  string
		value func(*topics.RouterState) uint64
	}{
		{"topics_router_lag", func(r *topics.RouterState) uint64 { return r.Lag }},
		{"topics_router_forwarded_total", func(r *topics.RouterState) uint64 { return r.Forwarded }},
	} {
		for i := range page {
			sample(w, f.name+`{router="`+escapeLabel(page[i].Name)+`"}`, f.value(&page[i]))
		}
	}
}

// routerJSON is one router's gauges.
type routerJSON struct {
	Router    string `json:"router"`
	Forwarded uint64 `json:"forwarded_total"`
	Lag       uint64 `json:"lag"`
}

func (s *Server) routersJSON(k *auth.Key) []routerJSON {
	list := []routerJSON{}
	for _, r := range s.routersShown(k) {
		list = append(list, routerJSON{r.Name, r.Forwarded, r.Lag})
	}
	return list
}
