package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/call"
	"github.com/e6e95bb8/topics/api/openapi"
	"github.com/e6e95bb8/topics/api/openapi/conform"
	"github.com/e6e95bb8/topics/api/wire"
)

// described is a handler of which every answer is held against the OpenAPI
// document. The servers of all tests in this package are behind it.
func described(h http.Handler, report func(error)) http.Handler { return conform.Handler(h, report) }

// describedAnswers is described, but streams over HTTP/1.1 get the ResponseWriter of
// their connection, as in the process: with another one they do not go on without a
// goroutine. openStream holds their answers against the document.
func describedAnswers(h http.Handler, report func(error)) http.Handler {
	others := described(h, report)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v0/watch") {
			h.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// undescribed is the report of tests that run a request in their own goroutine.
func undescribed(err error) { panic(err) }

// invented is a server of which a test makes answers that it has nowhere else.
type invented struct{ http.Handler }

type documented struct {
	Security   []map[string][]string
	Responses  map[string]any
	Parameters []any
}

// The document has every route of the table with what it asks of a key, and no
// other.
func TestDocumentIsTheRouteTable(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(openapi.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	s, _ := openServer(nil)
	routes := map[string]bool{}
	for _, rt := range s.routes() {
		path := braced(rt.Pattern)
		routes[rt.Method+" "+path] = true
		raw, ok := doc.Paths[path][strings.ToLower(rt.Method)]
		if !ok {
			t.Errorf("%s %s is not in the document", rt.Method, path)
			continue
		}
		var op documented
		if err := json.Unmarshal(raw, &op); err != nil {
			t.Fatal(err)
		}
		if got, want := op.Security, securityOf(&rt); !slices.EqualFunc(got, want, equalSecurity) {
			t.Errorf("%s %s: security is %v, want %v", rt.Method, path, got, want)
		}
		for status, what := range map[string]bool{
			"401": rt.Kind != call.Page,
			"500": true,
			"403": rt.Scope != auth.None,
			"503": rt.Kind.Gated(),
			"429": rt.Kind != call.Probe && rt.Kind != call.Page,
		} {
			if what && op.Responses[status] == nil {
				t.Errorf("%s %s: no response %s", rt.Method, path, status)
			}
		}
	}
	for path, operations := range doc.Paths {
		for method := range operations {
			if name := strings.ToUpper(method) + " " + path; method != "parameters" && !routes[name] {
				t.Errorf("%s is in the document, and not in the route table", name)
			}
		}
	}
}

// braced spells a pattern's parameters as the document does.
func braced(pattern string) string {
	segments := strings.Split(pattern, "/")
	for i, s := range segments {
		if name, ok := strings.CutPrefix(s, ":"); ok {
			segments[i] = "{" + name + "}"
		}
	}
	return strings.Join(segments, "/")
}

// securityOf is what the document has to say of a route's keys.
func securityOf(rt *call.Route) (list []map[string][]string) {
	scopes := []string{}
	if rt.Scope != auth.None {
		scopes = strings.Split(rt.Scope.String(), "+")
	}
	if rt.Public(false) {
		list = append(list, map[string][]string{})
	}
	if rt.Kind == call.Page {
		return list
	}
	list = append(list, map[string][]string{"bearer": scopes})
	if rt.Kind == call.Streaming {
		list = append(list, map[string][]string{"token": scopes})
	}
	return list
}

func equalSecurity(a, b map[string][]string) bool {
	for scheme, scopes := range a {
		if other, ok := b[scheme]; !ok || !slices.Equal(scopes, other) {
			return false
		}
	}
	return len(a) == len(b)
}

func TestServeDocument(t *testing.T) {
	s := opsServer(newWorld(), nil) // not ready, without an engine
	w := get(s, "GET", "/v0/openapi.json")
	if w.Code != 200 || w.Body.String() != string(openapi.Document()) || w.Header().Get("Content-Type") != wire.MediaJSON {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	tag := w.Header().Get("ETag")
	for _, tc := range []struct {
		match  string
		status int
	}{
		{tag, 304}, {`"x", ` + tag, 304}, {strings.TrimPrefix(tag, "W/"), 304}, {"*", 304}, {`"x"`, 200}, {"", 200},
	} {
		w := get(s, "GET", "/v0/openapi.json", "If-None-Match", tc.match)
		if w.Code != tc.status || w.Header().Get("ETag") != tag || w.Header().Get("Cache-Control") == "" {
			t.Errorf("If-None-Match %s: %d %v", tc.match, w.Code, w.Header())
		}
		if tc.status == 304 && (w.Body.Len() > 0 || w.Header().Get("Content-Length") != "" || w.Header().Get("Content-Type") != "") {
			t.Errorf("If-None-Match %s: %v, %d bytes", tc.match, w.Header(), w.Body.Len())
		}
	}
	if w := get(s, "GET", "/v0/openapi.json", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("not compressed: %v", w.Header())
	}
	if w := get(s, "HEAD", "/v0/openapi.json"); w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("ETag") != tag {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
}

// The AsyncAPI document has a channel for each route that streams, and no other.
func TestStreamsAreTheRouteTable(t *testing.T) {
	var doc struct {
		Channels map[string]struct{ Address string }
	}
	if err := json.Unmarshal(openapi.Streams(), &doc); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, c := range doc.Channels {
		got = append(got, c.Address)
	}
	s, _ := openServer(nil)
	for _, rt := range s.routes() {
		if rt.Kind == call.Streaming {
			want = append(want, braced(rt.Pattern))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("channels are %v, want %v", got, want)
	}
	w := get(s, "GET", "/v0/asyncapi.json")
	if w.Code != 200 || w.Body.String() != string(openapi.Streams()) || w.Header().Get("Content-Type") != wire.MediaJSON {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := get(s, "GET", "/v0/asyncapi.json", "If-None-Match", w.Header().Get("ETag")); w.Code != 304 || w.Body.Len() > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
