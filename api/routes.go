package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/julienschmidt/httprouter"
)

// kind says what a route's requests need and count for.
type kind uint8

const (
	// data routes need the engine: they are refused until recovery is through
	// and once the server stops serving.
	data kind = iota + 1
	// admin routes change how the server runs or what it keeps: they are
	// refused when data routes are, need a confirmation, and each call leaves
	// a line in the audit log.
	admin
	// probe routes answer from the first moment to the last.
	probe
)

// route is one row of the table. pattern is also its label in the metrics:
// raw paths never get there.
type route struct {
	method  string
	pattern string
	kind    kind
	serve   func(*call) error
}

// routes is every route there is. HEAD is added for each GET, and OPTIONS is
// answered from the table.
func (s *Server) routes() []route {
	return []route{
		{"GET", "/v0/topics", data, s.listTopics},
		{"PUT", "/v0/topics/:topic", data, s.putTopic},
		{"PATCH", "/v0/topics/:topic", data, s.patchTopic},
		{"GET", "/v0/topics/:topic", data, s.getTopic},
		{"DELETE", "/v0/topics/:topic", data, s.deleteTopic},
		{"POST", "/v0/topics/:topic", data, s.write},
		{"POST", "/v0/topics/:topic/diff", data, s.diff},
		{"GET", "/v0/topics/:topic/diff", data, s.diffByQuery},
		{"POST", "/v0/topics/:topic/delete", data, s.deleteRecords},

		{"GET", "/v0/admin/stats", data, s.stats},
		{"POST", "/v0/admin/checkpoint", admin, s.checkpoint},
		{"POST", "/v0/admin/verify", admin, s.verify},
		{"POST", "/v0/admin/backup", admin, s.backup},

		{"GET", "/v0/health", probe, plain(s.handleHealth)},
		{"GET", "/healthz", probe, plain(s.handleHealth)},
		{"GET", "/v0/ready", probe, plain(s.handleReady)},
		{"GET", "/readyz", probe, plain(s.handleReady)},
		{"GET", "/startupz", probe, plain(s.handleStartupz)},
		{"GET", "/live", probe, plain(s.handleLive)},
		{"GET", "/ready", probe, plain(s.handleReadyPlain)},
		{"GET", "/health", probe, plain(s.handleHealthFull)},
		{"GET", "/health/quick", probe, plain(s.handleHealthQuick)},
		{"GET", "/actuator/health/liveness", probe, plain(s.handleLiveness)},
		{"GET", "/actuator/health/readiness", probe, plain(s.handleReadiness)},
		{"GET", "/actuator/info", probe, plain(s.handleInfo)},
		{"GET", "/v0/metrics", probe, plain(s.handleMetrics)},
		{"GET", "/metrics", probe, plain(s.handleMetrics)},
		{"GET", "/v0/recovery", probe, plain(s.handleRecovery)},
	}
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

// newRouter registers the table.
func newRouter(s *Server) *httprouter.Router {
	router := httprouter.New()
	for _, rt := range s.routes() {
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
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := matchPath(r.URL)
	if handle, ps, _ := s.router.Lookup(r.Method, path); handle != nil {
		handle(w, r, ps)
		return
	}
	s.answer(w, r, &route{pattern: unmatched, kind: probe, serve: func(c *call) error {
		allow := s.allowed(path)
		switch {
		case allow == "":
			return noRoute()
		case r.Method != http.MethodOptions:
			return wrongMethod(r.Method, allow)
		}
		c.Header().Set("Allow", allow)
		c.WriteHeader(http.StatusNoContent)
		return nil
	}}, nil)
}

// allowed is the Allow header of a path, empty when it has no route.
func (s *Server) allowed(path string) string {
	var have []string
	for _, m := range methods {
		if handle, _, _ := s.router.Lookup(m, path); handle != nil {
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
