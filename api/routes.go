package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/julienschmidt/httprouter"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
)

// row is a row of the table of routes; see route.
type row struct {
	method  string
	pattern string
	kind    call.Kind
	scope   auth.Scope
	serve   func(*call.Call) error
}

// routes is every route there is. HEAD is added for each GET, and OPTIONS is
// answered from the table.
func (s *Server) routes() []call.Route {
	table := s.table()
	routes := make([]call.Route, len(table))
	for i, r := range table {
		routes[i] = call.Route{
			Method: r.method, Pattern: r.pattern, Kind: r.kind, Scope: r.scope, Serve: r.serve, Query: queries[r.method+" "+r.pattern],
		}
	}
	return routes
}

// table is the table of routes.
func (s *Server) table() []row {
	return []row{
		{"GET", "/v0/topics", call.Data, auth.Read, s.catalog.ListTopics},
		{"PUT", "/v0/topics/:topic", call.Data, auth.AdminWrite, s.catalog.PutTopic},
		{"PATCH", "/v0/topics/:topic", call.Data, auth.AdminWrite, s.catalog.PatchTopic},
		{"GET", "/v0/topics/:topic", call.Data, auth.Read, s.catalog.GetTopic},
		{"DELETE", "/v0/topics/:topic", call.Data, auth.Delete, s.catalog.DeleteTopic},
		{"POST", "/v0/topics/:topic", call.Data, auth.Write, s.records.Write},
		{"POST", "/v0/topics/:topic/events", call.Data, auth.Write, s.records.WriteEvents},
		{"POST", "/v0/topics/:topic/diff", call.Data, auth.Read, s.records.Diff},
		{"GET", "/v0/topics/:topic/diff", call.Data, auth.Read, s.records.DiffByQuery},
		{"POST", "/v0/topics/:topic/delete", call.Data, auth.Delete, s.records.Delete},

		{"POST", "/v0/topics/:topic/claim", call.Data, auth.Read | auth.Write, s.queues.Claim},
		{"POST", "/v0/topics/:topic/ack", call.Data, auth.Write, s.queues.Ack},
		{"POST", "/v0/topics/:topic/nack", call.Data, auth.Write, s.queues.Nack},
		{"POST", "/v0/topics/:topic/extend", call.Data, auth.Write, s.queues.Extend},
		{"POST", "/v0/topics/:topic/promote", call.Data, auth.Write, s.queues.Promote},
		{"POST", "/v0/topics/:topic/release", call.Admin, auth.AdminWrite, s.queues.Release},
		{"GET", "/v0/topics/:topic/work", call.Streaming, auth.Read | auth.Write, s.work},
		{"GET", "/v0/topics/:topic/jobs", call.Data, auth.Read, s.queues.ListJobs},
		{"GET", "/v0/topics/:topic/inflight", call.AdminRead, auth.AdminRead, s.queues.ListInFlight},
		{"GET", "/v0/topics/:topic/dead-letters", call.AdminRead, auth.AdminRead, s.queues.ListDead},
		{"DELETE", "/v0/topics/:topic/dead-letters", call.Admin, auth.Delete, s.queues.PurgeDead},
		{"DELETE", "/v0/topics/:topic/dead-letters/:seq", call.Admin, auth.Delete, s.queues.DeleteDead},
		{"POST", "/v0/topics/:topic/dead-letters/:seq/replay", call.Admin, auth.AdminWrite, s.queues.ReplayDead},
		{"POST", "/v0/topics/:topic/redrive", call.Admin, auth.AdminWrite, s.queues.Redrive},

		{"GET", "/v0/routers", call.Data, auth.Read, s.catalog.ListRouters},
		{"PUT", "/v0/routers/:router", call.Data, auth.AdminWrite, s.catalog.PutRouter},
		{"GET", "/v0/routers/:router", call.Data, auth.Read, s.catalog.GetRouter},
		{"DELETE", "/v0/routers/:router", call.Data, auth.Delete, s.catalog.DeleteRouter},

		{"POST", "/v0/watch", call.Data, auth.Read, s.openWatch},
		{"GET", call.WatchPattern, call.Streaming, auth.Read, s.streamTopics},
		{"GET", "/v0/watch/:wid", call.Streaming, auth.Read, s.streamWatch},
		{"GET", "/v0/ws", call.Streaming, auth.None, s.sockets.Upgrade},

		{"GET", "/v0/whoami", call.Personal, auth.None, s.admin.Whoami},

		{"GET", "/v0/admin/history", call.AdminRead, auth.AdminRead, s.telemetry.History},
		{"GET", "/v0/admin/stats", call.AdminRead, auth.AdminRead, s.telemetry.Stats},
		{"GET", "/v0/admin/audit", call.AdminRead, auth.AdminRead, s.trail.List},
		{"GET", "/v0/admin/sessions", call.AdminRead, auth.AdminRead, s.sessions.List},
		{"POST", "/v0/admin/sessions/:id/close", call.Admin, auth.AdminWrite, s.sessions.Close},
		{"GET", "/v0/admin/requests", call.AdminRead, auth.AdminRead, s.admin.ListRequests},
		{"POST", "/v0/admin/requests/:id/cancel", call.Admin, auth.AdminWrite, s.admin.CancelRequest},
		{"POST", "/v0/admin/checkpoint", call.Admin, auth.AdminWrite, s.admin.Checkpoint},
		{"GET", "/v0/admin/verify", call.AdminRead, auth.AdminRead, s.admin.ShowVerify},
		{"POST", "/v0/admin/verify", call.Admin, auth.AdminWrite, s.admin.Verify},
		{"GET", "/v0/admin/compact", call.AdminRead, auth.AdminRead, s.admin.ShowErasure},
		{"POST", "/v0/admin/compact", call.Admin, auth.AdminWrite, s.admin.Erase},
		{"GET", "/v0/admin/backups", call.AdminRead, auth.AdminRead, s.admin.ListBackups},
		{"POST", "/v0/admin/backups/verified", call.Admin, auth.AdminWrite, s.admin.BackupVerified},
		{"POST", "/v0/admin/backup", call.Admin, auth.AdminWrite, s.admin.Backup},
		{"PUT", "/v0/admin/checks/:check", call.Setting, auth.AdminWrite, s.admin.PutCheck},
		{"DELETE", "/v0/admin/checks/:check", call.Setting, auth.AdminWrite, s.admin.DeleteCheck},

		{"GET", "/v0/openapi.json", call.Probe, auth.None, handleOpenAPI},
		{"GET", "/v0/asyncapi.json", call.Probe, auth.None, handleAsyncAPI},
		{"GET", "/v0/health", call.Probe, auth.None, plain(s.probes.Alive)},
		{"GET", "/healthz", call.Probe, auth.None, plain(s.probes.Alive)},
		{"GET", "/v0/ready", call.Probe, auth.None, plain(s.probes.Ready)},
		{"GET", "/readyz", call.Probe, auth.None, plain(s.probes.Ready)},
		{"GET", "/startupz", call.Probe, auth.None, plain(s.probes.Started)},
		{"GET", "/live", call.Probe, auth.None, plain(s.probes.Live)},
		{"GET", "/ready", call.Probe, auth.None, plain(s.probes.ReadyChecks)},
		{"GET", "/health", call.Probe, auth.None, plain(s.probes.Checks)},
		{"GET", "/health/quick", call.Probe, auth.None, plain(s.probes.Quick)},
		{"GET", "/", call.Probe, auth.None, s.probes.Root}, // for a browser: consoleRoute
		{"GET", "/assets/:hash/:asset", call.Page, auth.None, showAsset},
		{"GET", "/v0", call.Probe, auth.None, s.probes.Index},
		{"GET", "/actuator", call.Probe, auth.None, s.probes.Actuator},
		{"GET", "/actuator/health", call.Probe, auth.None, plain(s.probes.ActuatorHealth)},
		{"GET", "/actuator/health/:check", call.Probe, auth.None, s.probes.ActuatorCheck}, // liveness and readiness among them
		{"GET", "/actuator/info", call.Probe, auth.None, plain(s.probes.Info)},
		{"GET", "/actuator/metrics", call.Telemetry, auth.Read, s.telemetry.MetricNames},
		{"GET", "/actuator/metrics/:name", call.Telemetry, auth.Read, s.telemetry.Metric},
		{"GET", "/v0/metrics", call.Telemetry, auth.Read, s.telemetry.Metrics},
		{"GET", "/metrics", call.Telemetry, auth.Read, s.telemetry.Metrics},
		{"GET", "/v0/recovery", call.Probe, auth.Read, s.probes.Recovery},
	}
}

// queries are the parameters that routes take in the query, beside strict.
var queries = map[string][]string{
	"GET /v0/topics":                             {"prefix", "contains", "type", "class", "sort", "order", "page_size", "cursor"},
	"GET /v0/topics/:topic":                      {"touch"},
	"DELETE /v0/topics/:topic":                   {"if_empty", call.DryRunField},
	"POST /v0/topics/:topic/delete":              {call.DryRunField},
	"POST /v0/topics/:topic":                     {"return_seqs"},
	"POST /v0/topics/:topic/events":              {"return_seqs"},
	"GET /v0/topics/:topic/diff":                 request.ReadParameters,
	"GET /v0/topics/:topic/work":                 {"node", "max", "lease_ms", "heartbeat_ms"},
	"GET /v0/topics/:topic/jobs":                 {"state", "limit", "cursor"},
	"GET /v0/topics/:topic/inflight":             {"limit", "cursor"},
	"GET /v0/topics/:topic/dead-letters":         {"match", "reason", "before_seq", "limit", "cursor"},
	"DELETE /v0/topics/:topic/dead-letters":      {"match", "reason", "before_seq", "limit", call.DryRunField},
	"DELETE /v0/topics/:topic/dead-letters/:seq": {call.DryRunField},
	"POST /v0/topics/:topic/redrive":             {call.DryRunField},
	"GET /v0/routers":                            {"prefix", "source", "dest", "sort", "order", "page_size", "cursor"},
	"DELETE /v0/routers/:router":                 {call.DryRunField},
	"POST /v0/watch":                             {"lenient"},
	"GET " + call.WatchPattern:                   request.WatchParameters,
	"GET /v0/admin/audit":                        {"limit", "reads"},
	"GET /v0/admin/history":                      {"span", "step"},
	"GET /v0/admin/stats":                        {"prefix"},
	"GET /actuator/metrics/:name":                {"tag"},
	"GET /v0/admin/requests":                     {"limit", "offset"},
	"POST /v0/admin/verify":                      {"wait"},
	"POST /v0/admin/compact":                     {"wait"},
	"GET /v0/admin/sessions":                     {"limit", "offset", "key", "topic", "prefix"},
}

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

// methods is what the router is asked for when a path is known and the method
// is not, in the order of the Allow header.
var methods = []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}

// plain adapts a handler that answers through the call's ResponseWriter side.
func plain(h http.HandlerFunc) func(*call.Call) error {
	return func(c *call.Call) error {
		h(c, c.Request)
		return nil
	}
}

// listener is the routes that one listener serves.
type listener struct {
	server *Server
	router *httprouter.Router
	beside bool // the routes for operators are on their own listener
}

// newListener makes a listener of the rows of the table: of all, or, beside one for
// operators, of the others.
func newListener(s *Server, beside bool) *listener {
	return &listener{s, newRouter(s, s.routes(), beside), beside}
}

func newRouter(s *Server, routes []call.Route, beside bool) *httprouter.Router {
	router := httprouter.New()
	for _, rt := range routes {
		rt.Beside = beside
		if rt.Scope == 0 {
			panic(rt.Method + " " + rt.Pattern + " declares no scope") // a mistake in the table
		}
		if beside && rt.Kind.Operator() {
			continue
		}
		handle := func(w http.ResponseWriter, r *http.Request, ps httprouter.Params) {
			s.answer(w, r, &rt, ps)
		}
		router.Handle(rt.Method, rt.Pattern, handle)
		if rt.Method == http.MethodGet {
			router.Handle(http.MethodHead, rt.Pattern, handle)
		}
	}
	return router
}

// ServeHTTP implements http.Handler. It asks the router itself, because the
// router's own ServeHTTP decodes %2F before it splits the path, redirects,
// and answers 404 and 405 in its own words.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := matchPath(r.URL)
	if !l.beside && asksForConsole(r, path) {
		l.server.answer(w, r, consoleRoute(), nil)
		return
	}
	if handle, ps, _ := l.router.Lookup(r.Method, path); handle != nil {
		handle(w, r, ps)
		return
	}
	rt := &call.Route{Method: r.Method, Pattern: call.Unmatched, Kind: call.Telemetry, Scope: auth.None}
	rt.Serve = func(c *call.Call) error {
		allow := l.allowed(path)
		switch {
		case allow == "":
			return wire.NoRoute()
		case r.Method != http.MethodOptions:
			return wire.WrongMethod(r.Method, allow)
		}
		c.Header().Set("Allow", allow)
		if path == "/" && r.Header.Get("Access-Control-Request-Method") == "" {
			// Not a browser's: load balancers ask this by default.
			h := l.server.opts.Health.Snapshot()
			if not := l.server.probes.Serving(&h); not != nil {
				return not
			}
		}
		l.server.bounds.Sharing.Preflight(r, c.Header(), allow)
		c.WriteHeader(http.StatusNoContent)
		return nil
	}
	l.server.answer(w, r, rt, nil)
}

// allowed is the Allow header of a path, empty when it has no route.
func (l *listener) allowed(path string) string {
	var have []string
	for _, m := range methods {
		if handle, _, _ := l.router.Lookup(m, path); handle != nil {
			have = append(have, m)
		}
	}
	if have == nil {
		return ""
	}
	return strings.Join(append(have, http.MethodOptions), ", ")
}

// matchPath is the path to route by: percent-decoded, except that an encoded
// slash or percent sign stays encoded, so that segments stay what they were.
// pathParam undoes the rest. RawPath is only set where decoding loses something.
func matchPath(u *url.URL) string {
	if u.RawPath == "" {
		return strings.ReplaceAll(u.Path, "%", "%25")
	}
	p := u.EscapedPath()
	p = strings.ReplaceAll(p, "%25", "%2525")
	for _, slash := range []string{"%2F", "%2f"} {
		p = strings.ReplaceAll(p, slash, "%252F")
	}
	if decoded, err := url.PathUnescape(p); err == nil {
		return decoded
	}
	return u.Path
}

// pathParam decodes a segment that matchPath has left half encoded.
func pathParam(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}
