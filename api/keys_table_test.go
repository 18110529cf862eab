package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
)

// access says what a route asks of a caller: what operators are told, written
// down apart from the route table.
type access struct {
	scope string // as in the key syntax, all of those that are joined; "any": every key; "": no key at all
	named bool   // the name in the path must be inside the key's prefixes
}

var accessTable = map[string]access{
	"GET /v0/topics":                {"r", false},
	"PUT /v0/topics/:topic":         {"aw", true},
	"PATCH /v0/topics/:topic":       {"aw", true},
	"GET /v0/topics/:topic":         {"r", true},
	"DELETE /v0/topics/:topic":      {"d", true},
	"POST /v0/topics/:topic":        {"w", true},
	"POST /v0/topics/:topic/events": {"w", true},
	"POST /v0/topics/:topic/diff":   {"r", true},
	"GET /v0/topics/:topic/diff":    {"r", true},
	"POST /v0/topics/:topic/delete": {"d", true},

	"POST /v0/topics/:topic/claim":                    {"r+w", true},
	"POST /v0/topics/:topic/ack":                      {"w", true},
	"POST /v0/topics/:topic/nack":                     {"w", true},
	"POST /v0/topics/:topic/extend":                   {"w", true},
	"POST /v0/topics/:topic/promote":                  {"w", true},
	"POST /v0/topics/:topic/release":                  {"aw", true},
	"GET /v0/topics/:topic/work":                      {"r+w", true},
	"GET /v0/topics/:topic/jobs":                      {"r", true},
	"GET /v0/topics/:topic/inflight":                  {"ar", true},
	"GET /v0/topics/:topic/dead-letters":              {"ar", true},
	"DELETE /v0/topics/:topic/dead-letters":           {"d", true},
	"DELETE /v0/topics/:topic/dead-letters/:seq":      {"d", true},
	"POST /v0/topics/:topic/dead-letters/:seq/replay": {"aw", true},
	"POST /v0/topics/:topic/redrive":                  {"aw", true},

	"GET /v0/routers":            {"r", false},
	"PUT /v0/routers/:router":    {"aw", true},
	"GET /v0/routers/:router":    {"r", true},
	"DELETE /v0/routers/:router": {"d", true},

	"POST /v0/watch":     {"r", false},
	"GET /v0/watch":      {"r", false},
	"GET /v0/watch/:wid": {"r", false},
	"GET /v0/ws":         {"any", false}, // each command asks for its own

	"GET /v0/whoami": {"any", false},

	"GET /v0/admin/history":              {"ar", false},
	"GET /v0/admin/stats":                {"ar", false},
	"GET /v0/admin/audit":                {"ar", false},
	"GET /v0/admin/sessions":             {"ar", false},
	"POST /v0/admin/sessions/:id/close":  {"aw", false},
	"GET /v0/admin/requests":             {"ar", false},
	"POST /v0/admin/requests/:id/cancel": {"aw", false},
	"POST /v0/admin/checkpoint":          {"aw", false},
	"GET /v0/admin/verify":               {"ar", false},
	"GET /v0/admin/compact":              {"ar", false},
	"POST /v0/admin/compact":             {"aw", false},
	"POST /v0/admin/verify":              {"aw", false},
	"GET /v0/admin/backups":              {"ar", false},
	"POST /v0/admin/backup":              {"aw", false},
	"POST /v0/admin/backups/verified":    {"aw", false},
	"PUT /v0/admin/checks/:check":        {"aw", false},
	"DELETE /v0/admin/checks/:check":     {"aw", false},

	"GET /v0/metrics":  {"r ar", false},
	"GET /metrics":     {"r ar", false},
	"GET /v0/recovery": {"r", false},

	"GET /v0/openapi.json":        {},
	"GET /v0/asyncapi.json":       {},
	"GET /v0/health":              {},
	"GET /healthz":                {},
	"GET /v0/ready":               {},
	"GET /readyz":                 {},
	"GET /startupz":               {},
	"GET /live":                   {},
	"GET /ready":                  {},
	"GET /health":                 {},
	"GET /health/quick":           {},
	"GET /":                       {},
	"GET /assets/:hash/:asset":    {},
	"GET /v0":                     {},
	"GET /actuator":               {},
	"GET /actuator/health":        {},
	"GET /actuator/health/:check": {},
	"GET /actuator/info":          {},

	"GET /actuator/metrics":       {"r ar", false},
	"GET /actuator/metrics/:name": {"r ar", false},
}

// rights are one key for each right, for all, and for all inside a prefix. The
// secrets are their names.
const rights = "read:r,write:w,delete:d,admin:a,looks:ar,rules:aw,all,inside::inside|in2"

// target is the path of a pattern, with a name in the place of its parameter.
func target(pattern, name string) string {
	for _, param := range []string{":topic", ":router", ":wid", ":id", ":check", ":name"} {
		pattern = strings.Replace(pattern, param, name, 1)
	}
	return pattern
}

func keyedServer(t *testing.T, list string, more func(*Options)) (*Server, *memEngine) {
	t.Helper()
	keys, err := auth.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return openServer(func(o *Options) {
		o.Keys = keys
		if more != nil {
			more(o)
		}
	})
}

// Every route, every scope, inside and outside of the prefixes, without a key
// and with a wrong one. A route that has no row here fails.
func TestAccessToEveryRoute(t *testing.T) {
	s, _ := keyedServer(t, rights, nil)
	seen := map[string]bool{}
	for _, rt := range s.routes() {
		name := rt.Method + " " + rt.Pattern
		seen[name] = true
		row, ok := accessTable[name]
		if !ok {
			t.Errorf("%s: nobody has said who may call it", name)
			continue
		}
		for _, key := range []string{"", "wrong", "read", "write", "delete", "admin", "looks", "rules", "all", "inside"} {
			for _, path := range []string{"inside-x", "elsewhere"} {
				want := row.admits(key, path)
				methods := []string{rt.Method}
				if rt.Method == http.MethodGet {
					methods = append(methods, http.MethodHead)
				}
				for _, method := range methods {
					var header []string
					if key != "" {
						header = []string{"Authorization", "Bearer " + key}
					}
					checkAccess(t, do(s, method, target(rt.Pattern, path), "", header...), method+" "+rt.Pattern+" "+path+" with "+key, want)
				}
			}
		}
	}
	for name := range accessTable {
		if !seen[name] {
			t.Errorf("%s: there is no such route", name)
		}
	}
}

// admits is 401, 403, or 0 for a call that is let through.
func (a access) admits(key, name string) int {
	switch {
	case a.scope == "":
		return 0
	case key == "" || key == "wrong":
		return http.StatusUnauthorized
	case a.named && key == "inside" && !strings.HasPrefix(name, "inside"):
		return http.StatusForbidden
	case a.scope == "any", key == "all", key == "inside":
		return 0
	}
	has := map[string][]string{"read": {"r"}, "write": {"w"}, "delete": {"d"}, "admin": {"ar", "aw"}, "looks": {"ar"}, "rules": {"aw"}}[key]
	for _, scope := range strings.Fields(a.scope) { // any of them will do
		if slices.Contains(has, scope) {
			return 0
		}
	}
	return http.StatusForbidden
}

func checkAccess(t *testing.T, w *httptest.ResponseRecorder, what string, want int) {
	t.Helper()
	got := 0
	if w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden {
		got = w.Code
	}
	// A backup has everything: a key with prefixes may not have it.
	if strings.Contains(what, "/backup") && strings.HasSuffix(what, "inside") && w.Code == http.StatusForbidden {
		return
	}
	if got != want {
		t.Errorf("%s: %d, want %d (0: let through): %s", what, w.Code, want, w.Body)
		return
	}
	wantHeader := ""
	if want == http.StatusUnauthorized {
		wantHeader = "Bearer"
	}
	if h := w.Header().Get("WWW-Authenticate"); h != wantHeader {
		t.Errorf("%s: WWW-Authenticate %q", what, h)
	}
	code := map[int]string{http.StatusUnauthorized: `"code":"unauthorized"`, http.StatusForbidden: `"code":"forbidden"`}[want]
	// HEAD has no body on the wire; the recorder is given none either.
	if !strings.HasPrefix(what, http.MethodHead) && !strings.Contains(w.Body.String(), code) {
		t.Errorf("%s: no %s in %s", what, code, w.Body)
	}
}

// Without keys everybody may do everything, whatever they send along.
func TestNoKeysIsOpen(t *testing.T) {
	s, _ := openServer(nil)
	for _, rt := range s.routes() {
		for _, header := range [][]string{nil, {"Authorization", "Bearer whatever"}} {
			checkAccess(t, do(s, rt.Method, target(rt.Pattern, "x"), "", header...), rt.Method+" "+rt.Pattern, 0)
		}
	}
}

// A row without a scope stops the server from being made.
func TestARouteWithoutAScopeIsRefused(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(string), "/v0/hidden declares no scope") {
			t.Errorf("%v", p)
		}
	}()
	newRouter(nil, []call.Route{{Method: "GET", Pattern: "/v0/hidden", Kind: call.Data}}, false)
}

// With probe auth every probe needs a key, and any will do.
func TestProbeAuth(t *testing.T) {
	s, _ := keyedServer(t, rights, func(o *Options) { o.ProbeAuth = true })
	for _, rt := range s.routes() {
		if rt.Kind != call.Probe {
			continue
		}
		for key, want := range map[string]int{"": 401, "wrong": 401, "write": 0, "inside": 0} {
			if row := accessTable[rt.Method+" "+rt.Pattern]; row.scope == "r" && key == "write" {
				want = 403
			}
			checkAccess(t, do(s, rt.Method, rt.Pattern, "", "Authorization", "Bearer "+key), rt.Method+" "+rt.Pattern+" with "+key, want)
		}
	}
	// Without keys there is nothing to ask for.
	s, _ = openServer(func(o *Options) { o.ProbeAuth = true })
	checkAccess(t, do(s, "GET", "/v0/ready", ""), "GET /v0/ready", 0)
}

// What no route takes needs a key, too: a stranger does not learn what there
// is. OPTIONS is what a browser asks without one.
func TestUnknownRoutesNeedAKey(t *testing.T) {
	s, _ := keyedServer(t, rights, nil)
	for _, tt := range []struct {
		method, path string
		with         int // a key
		without      int
	}{
		{"GET", "/nowhere", 404, 401},
		{"POST", "/v0/topics", 405, 401},
		{"BREW", "/healthz", 405, 401},
		{"OPTIONS", "/v0/topics/t", 204, 204},
		{"OPTIONS", "/nowhere", 404, 404},
	} {
		if w := do(s, tt.method, tt.path, ""); w.Code != tt.without {
			t.Errorf("%s %s without a key: %d", tt.method, tt.path, w.Code)
		}
		if w := do(s, tt.method, tt.path, "", "Authorization", "Bearer write"); w.Code != tt.with {
			t.Errorf("%s %s with a key: %d", tt.method, tt.path, w.Code)
		}
	}
}

// A stranger learns nothing else: neither that the server is not ready nor
// what is wrong with the request.
func TestTheKeyComesFirst(t *testing.T) {
	keys, _ := auth.Parse(rights)
	w := newWorld()
	w.progress = phases["replaying"]
	s := opsServer(w, func(o *Options) { o.Keys = keys })
	for key, want := range map[string]int{"": 401, "wrong": 401, "write": 403, "read": 503} {
		if w := do(s, "GET", "/v0/topics/t", "", "Authorization", "Bearer "+key); w.Code != want {
			t.Errorf("replaying, with %q: %d, want %d", key, w.Code, want)
		}
	}
	s.StopServing()
	if w := do(s, "POST", "/v0/admin/backup", "", "Authorization", "Bearer read"); w.Code != 403 {
		t.Errorf("stopping, with a key that may not: %d", w.Code)
	}
}
