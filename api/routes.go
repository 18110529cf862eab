package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/julienschmidt/httprouter"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/request"
	"github.com/e6e95bb8/topics/api/wire"
)

// kind is what a route's requests need and count for.
type kind uint8

const (
	// data routes need the engine: they are refused until recovery is through
	// and once the server stops serving.
	data kind = iota + 1
	// streaming routes are data routes whose answer goes on for as long as the
	// client listens. Browsers cannot set a header for them, so they take the
	// key from ?token=, too; they have caps of their own (takeStream) and do
	// not count as requests under way.
	streaming
	// admin routes change how the server runs or what it keeps: they are
	// refused when data routes are, need a confirmation, and each call leaves
	// a line in the audit log.
	admin
	// setting routes change what the server shows of itself. They are admin
	// routes that need no engine and answer in every phase.
	setting
	// adminRead routes show how the server runs, in every phase.
	adminRead
	// personal routes show a caller its own rights, in every phase and on every
	// listener.
	personal
	// telemetry routes answer from the first moment to the last, for programs
	// that collect.
	telemetry
	// probe routes answer from the first moment to the last, on every listener.
	probe
	// page routes are the console's files. They answer as probes do, and need no
	// key where probes need one.
	page
)

// operator reports whether routes of the kind are only on the operators' own
// listener, where there is one. That listener has all the others, too.
func (k kind) operator() bool { return k == admin || k == setting || k == adminRead || k == telemetry }

// confirmed reports whether calls of the kind need a confirmation.
func (k kind) confirmed() bool { return k == admin || k == setting }

// gated reports whether routes of the kind need the engine.
func (k kind) gated() bool { return k == data || k == streaming || k == admin }

// route is one row of the table. pattern is also its label in the metrics:
// raw paths never get there. scope is what a key needs; every row says one. If
// the pattern has a :topic or a :router, its name must be one that the key
// sees. Names in bodies and queries are the handler's to check, with call.may.
type route struct {
	method  string
	pattern string
	kind    kind
	scope   auth.Scope
	serve   func(*call) error
}

// public reports whether the route is answered without a key: the console's files;
// probes that need no right, unless probes are to be kept from strangers, too;
// and OPTIONS, which a browser sends before a page can say its key. Other requests that no
// route takes need a key like all others.
func (rt *route) public(probeAuth bool) bool {
	return rt.method == http.MethodOptions || rt.kind == page || rt.kind == probe && rt.scope == auth.None && !probeAuth
}

// routes is every route there is. HEAD is added for each GET, and OPTIONS is
// answered from the table.
func (s *Server) routes() []route {
	return []route{
		{"GET", "/v0/topics", data, auth.Read, s.listTopics},
		{"PUT", "/v0/topics/:topic", data, auth.AdminWrite, s.putTopic},
		{"PATCH", "/v0/topics/:topic", data, auth.AdminWrite, s.patchTopic},
		{"GET", "/v0/topics/:topic", data, auth.Read, s.getTopic},
		{"DELETE", "/v0/topics/:topic", data, auth.Delete, s.deleteTopic},
		{"POST", "/v0/topics/:topic", data, auth.Write, s.write},
		{"POST", "/v0/topics/:topic/events", data, auth.Write, s.writeEvents},
		{"POST", "/v0/topics/:topic/diff", data, auth.Read, s.diff},
		{"GET", "/v0/topics/:topic/diff", data, auth.Read, s.diffByQuery},
		{"POST", "/v0/topics/:topic/delete", data, auth.Delete, s.deleteRecords},

		{"POST", "/v0/topics/:topic/claim", data, auth.Read | auth.Write, s.claim},
		{"POST", "/v0/topics/:topic/ack", data, auth.Write, s.ack},
		{"POST", "/v0/topics/:topic/nack", data, auth.Write, s.nack},
		{"POST", "/v0/topics/:topic/extend", data, auth.Write, s.extend},
		{"POST", "/v0/topics/:topic/promote", data, auth.Write, s.promote},
		{"POST", "/v0/topics/:topic/release", admin, auth.AdminWrite, s.release},
		{"GET", "/v0/topics/:topic/work", streaming, auth.Read | auth.Write, s.work},
		{"GET", "/v0/topics/:topic/jobs", data, auth.Read, s.listJobs},
		{"GET", "/v0/topics/:topic/inflight", adminRead, auth.AdminRead, s.listInFlight},
		{"GET", "/v0/topics/:topic/dead-letters", adminRead, auth.AdminRead, s.listDead},
		{"DELETE", "/v0/topics/:topic/dead-letters", admin, auth.Delete, s.purgeDead},
		{"DELETE", "/v0/topics/:topic/dead-letters/:seq", admin, auth.Delete, s.deleteDead},
		{"POST", "/v0/topics/:topic/dead-letters/:seq/replay", admin, auth.AdminWrite, s.replayDead},
		{"POST", "/v0/topics/:topic/redrive", admin, auth.AdminWrite, s.redrive},

		{"GET", "/v0/routers", data, auth.Read, s.listRouters},
		{"PUT", "/v0/routers/:router", data, auth.AdminWrite, s.putRouter},
		{"GET", "/v0/routers/:router", data, auth.Read, s.getRouter},
		{"DELETE", "/v0/routers/:router", data, auth.Delete, s.deleteRouter},

		{"POST", "/v0/watch", data, auth.Read, s.openWatch},
		{"GET", watchPattern, streaming, auth.Read, s.streamTopics},
		{"GET", "/v0/watch/:wid", streaming, auth.Read, s.streamWatch},
		{"GET", "/v0/ws", streaming, auth.None, s.upgrade},

		{"GET", "/v0/whoami", personal, auth.None, s.whoami},

		{"GET", "/v0/admin/history", adminRead, auth.AdminRead, s.showHistory},
		{"GET", "/v0/admin/stats", adminRead, auth.AdminRead, s.stats},
		{"GET", "/v0/admin/audit", adminRead, auth.AdminRead, s.listAudit},
		{"GET", "/v0/admin/sessions", adminRead, auth.AdminRead, s.listSessions},
		{"POST", "/v0/admin/sessions/:id/close", admin, auth.AdminWrite, s.closeSession},
		{"GET", "/v0/admin/requests", adminRead, auth.AdminRead, s.listRequests},
		{"POST", "/v0/admin/requests/:id/cancel", admin, auth.AdminWrite, s.cancelRequest},
		{"POST", "/v0/admin/checkpoint", admin, auth.AdminWrite, s.checkpoint},
		{"GET", "/v0/admin/verify", adminRead, auth.AdminRead, s.showVerify},
		{"POST", "/v0/admin/verify", admin, auth.AdminWrite, s.verify},
		{"GET", "/v0/admin/compact", adminRead, auth.AdminRead, s.showErasure},
		{"POST", "/v0/admin/compact", admin, auth.AdminWrite, s.erase},
		{"GET", "/v0/admin/backups", adminRead, auth.AdminRead, s.listBackups},
		{"POST", "/v0/admin/backups/verified", admin, auth.AdminWrite, s.verifiedBackup},
		{"POST", "/v0/admin/backup", admin, auth.AdminWrite, s.backup},
		{"PUT", "/v0/admin/checks/:check", setting, auth.AdminWrite, s.putCheck},
		{"DELETE", "/v0/admin/checks/:check", setting, auth.AdminWrite, s.deleteCheck},

		{"GET", "/v0/openapi.json", probe, auth.None, handleOpenAPI},
		{"GET", "/v0/asyncapi.json", probe, auth.None, handleAsyncAPI},
		{"GET", "/v0/health", probe, auth.None, plain(s.handleHealth)},
		{"GET", "/healthz", probe, auth.None, plain(s.handleHealth)},
		{"GET", "/v0/ready", probe, auth.None, plain(s.handleReady)},
		{"GET", "/readyz", probe, auth.None, plain(s.handleReady)},
		{"GET", "/startupz", probe, auth.None, plain(s.handleStartupz)},
		{"GET", "/live", probe, auth.None, plain(s.handleLive)},
		{"GET", "/ready", probe, auth.None, plain(s.handleReadyPlain)},
		{"GET", "/health", probe, auth.None, plain(s.handleHealthFull)},
		{"GET", "/health/quick", probe, auth.None, plain(s.handleHealthQuick)},
		{"GET", "/", probe, auth.None, plain(s.handleRoot)}, // for a browser: consoleRoute
		{"GET", "/assets/:hash/:asset", page, auth.None, showAsset},
		{"GET", "/v0", probe, auth.None, plain(s.handleIndex)},
		{"GET", "/actuator", probe, auth.None, plain(s.handleActuator)},
		{"GET", "/actuator/health", probe, auth.None, plain(s.handleActuatorHealth)},
		{"GET", "/actuator/health/:check", probe, auth.None, s.handleActuatorCheck}, // liveness and readiness among them
		{"GET", "/actuator/info", probe, auth.None, plain(s.handleInfo)},
		{"GET", "/actuator/metrics", telemetry, auth.Read, s.handleMetricNames},
		{"GET", "/actuator/metrics/:name", telemetry, auth.Read, s.handleMetric},
		{"GET", "/v0/metrics", telemetry, auth.Read, s.handleMetrics},
		{"GET", "/metrics", telemetry, auth.Read, s.handleMetrics},
		{"GET", "/v0/recovery", probe, auth.Read, s.handleRecovery},
	}
}

// queries are the parameters that routes take in the query, beside strict.
var queries = map[string][]string{
	"GET /v0/topics":                             {"prefix", "contains", "type", "class", "sort", "order", "page_size", "cursor"},
	"GET /v0/topics/:topic":                      {"touch"},
	"DELETE /v0/topics/:topic":                   {"if_empty", dryRunField},
	"POST /v0/topics/:topic/delete":              {dryRunField},
	"POST /v0/topics/:topic":                     {"return_seqs"},
	"POST /v0/topics/:topic/events":              {"return_seqs"},
	"GET /v0/topics/:topic/diff":                 request.ReadParameters,
	"GET /v0/topics/:topic/work":                 {"node", "max", "lease_ms", "heartbeat_ms"},
	"GET /v0/topics/:topic/jobs":                 {"state", "limit", "cursor"},
	"GET /v0/topics/:topic/inflight":             {"limit", "cursor"},
	"GET /v0/topics/:topic/dead-letters":         {"match", "reason", "before_seq", "limit", "cursor"},
	"DELETE /v0/topics/:topic/dead-letters":      {"match", "reason", "before_seq", "limit", dryRunField},
	"DELETE /v0/topics/:topic/dead-letters/:seq": {dryRunField},
	"POST /v0/topics/:topic/redrive":             {dryRunField},
	"GET /v0/routers":                            {"prefix", "source", "dest", "sort", "order", "page_size", "cursor"},
	"DELETE /v0/routers/:router":                 {dryRunField},
	"POST /v0/watch":                             {"lenient"},
	"GET " + watchPattern:                        request.WatchParameters,
	"GET /v0/admin/audit":                        {"limit"},
	"GET /v0/admin/history":                      {"span", "step"},
	"GET /v0/admin/stats":                        {"prefix"},
	"GET /actuator/metrics/:name":                {"tag"},
	"GET /v0/admin/requests":                     {"limit", "offset"},
	"POST /v0/admin/verify":                      {"wait"},
	"POST /v0/admin/compact":                     {"wait"},
	"GET /v0/admin/sessions":                     {"limit", "offset", "key", "topic", "prefix"},
}

// query is the names of the parameters that the route takes in the query.
func (rt *route) query() []string { return queries[rt.method+" "+rt.pattern] }

// changes reports whether a call of the route, if it is served, changes a config,
// removes something, or changes how the server runs.
func (rt *route) changes() bool {
	return rt.kind.confirmed() || rt.kind == data && rt.scope&(auth.AdminWrite|auth.Delete) != 0
}

// methods is what the router is asked for when a path is known and the method
// is not, in the order of the Allow header.
var methods = []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}

// plain adapts a handler that answers through the call's ResponseWriter side.
func plain(h http.HandlerFunc) func(*call) error {
	return func(c *call) error {
		h(c, c.r)
		return nil
	}
}

// listener is the routes that one listener serves.
type listener struct {
	server *Server
	router *httprouter.Router
}

// newListener makes a listener of those rows of the table whose kind is served.
func newListener(s *Server, serves func(kind) bool) *listener {
	return &listener{s, newRouter(s, s.routes(), serves)}
}

func newRouter(s *Server, routes []route, serves func(kind) bool) *httprouter.Router {
	router := httprouter.New()
	for _, rt := range routes {
		if rt.scope == 0 {
			panic(rt.method + " " + rt.pattern + " declares no scope") // a mistake in the table
		}
		if !serves(rt.kind) {
			continue
		}
		handle := func(w http.ResponseWriter, r *http.Request, ps httprouter.Params) {
			s.answer(w, r, &rt, ps)
		}
		router.Handle(rt.method, rt.pattern, handle)
		if rt.method == http.MethodGet {
			router.Handle(http.MethodHead, rt.pattern, handle)
		}
	}
	return router
}

// ServeHTTP implements http.Handler. It asks the router itself, because the
// router's own ServeHTTP decodes %2F before it splits the path, redirects,
// and answers 404 and 405 in its own words.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := matchPath(r.URL)
	if asksForConsole(r, path) {
		l.server.answer(w, r, consoleRoute(), nil)
		return
	}
	if handle, ps, _ := l.router.Lookup(r.Method, path); handle != nil {
		handle(w, r, ps)
		return
	}
	rt := &route{method: r.Method, pattern: unmatched, kind: telemetry, scope: auth.None}
	rt.serve = func(c *call) error {
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
			if not := l.server.serving(&h); not != nil {
				return not
			}
		}
		c.sharing.preflight(r, c.Header(), allow)
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
