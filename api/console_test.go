package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/console"
)

const asBrowser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// A browser gets the console from / in every phase, with the headers that keep it
// to itself; whoever does not ask for HTML gets JSON.
func TestBrowserGetsTheConsole(t *testing.T) {
	for phase := range phases {
		w := newWorld()
		w.progress = phases[phase]
		s := opsServer(w, func(o *Options) { o.ProbeAuth = true })
		got := get(s, "GET", "/", "Accept", asBrowser)
		h := got.Header()
		if got.Code != http.StatusOK || h.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(got.Body.String(), "<!doctype html>") {
			t.Fatalf("%s: %d %v %.100s", phase, got.Code, h, got.Body)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": console.Policy, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "", "Last-Modified": "",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", phase, name, h.Get(name))
			}
		}
		if vary := strings.Join(h["Vary"], ", "); !strings.Contains(vary, "Accept,") && !strings.HasSuffix(vary, "Accept") {
			t.Errorf("%s: Vary is %q", phase, vary)
		}
		if again := get(s, "GET", "/", "Accept", asBrowser, "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s: the same page again: %d", phase, again.Code)
		}
	}
	w := newWorld()
	w.progress = phases["ready"]
	s := opsServer(w, nil)
	s.Open(&opsEngine{})
	for accept, html := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/html": true, "text/*": true, "text/html;q=0.5, application/json": false,
		"text/html, application/json": false, "text/html;q=0": false, asBrowser: true,
	} {
		got := get(s, "GET", "/", "Accept", accept)
		if is := strings.HasPrefix(got.Header().Get("Content-Type"), "text/html"); is != html || got.Code != http.StatusOK {
			t.Errorf("Accept %q: %d %s", accept, got.Code, got.Header().Get("Content-Type"))
		}
	}
}

// Load balancers ask OPTIONS / or GET / unless told otherwise: a server that
// is not ready is not to look as if it were.
func TestRootTellsLoadBalancers(t *testing.T) {
	w := newWorld()
	s := opsServer(w, nil)
	w.progress = phases["replaying"]
	if got := get(s, "OPTIONS", "/"); got.Code != http.StatusServiceUnavailable {
		t.Errorf("OPTIONS / while replaying: %d", got.Code)
	}
	if got := get(s, "OPTIONS", "/", "Access-Control-Request-Method", "GET"); got.Code != http.StatusNoContent {
		t.Errorf("a preflight while replaying: %d", got.Code)
	}
	w.progress = phases["ready"]
	s.Open(&opsEngine{})
	if got := get(s, "OPTIONS", "/"); got.Code != http.StatusNoContent {
		t.Errorf("OPTIONS / once it is ready: %d", got.Code)
	}
}

// Assets are there under the hash of their build, for good, and nothing else is.
func TestAssets(t *testing.T) {
	s := opsServer(newWorld(), func(o *Options) { o.ProbeAuth, o.Hosts = true, nil })
	files := console.Load()
	for name, a := range files.Assets() {
		got := get(s, "GET", "/assets/"+files.Hash+"/"+name, "Host", "elsewhere.example")
		h := got.Header()
		if got.Code != http.StatusOK || got.Body.String() != string(a.Body) || h.Get("Content-Type") != a.Type ||
			h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", name, got.Code, h)
		}
		if again := get(s, "GET", "/assets/"+files.Hash+"/"+name, "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d", name, again.Code)
		}
	}
	strangers := opsServer(newWorld(), func(o *Options) { o.ProbeAuth = true })
	for _, path := range []string{
		"/assets/000000000000/app.js", "/assets/" + files.Hash + "/nothing.js", "/assets/" + files.Hash + "/..%2Fapp.js",
		"/assets/app.js", "/index.html", "/favicon.ico",
	} {
		if got := get(strangers, "GET", path, "Accept", asBrowser); got.Code != http.StatusNotFound && got.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %.80s", path, got.Code, got.Body)
		}
	}
}

// Where operators have a listener of their own, only that one has the console. No key
// is asked for it.
func TestConsoleIsOnTheOperatorsListener(t *testing.T) {
	s, _ := keyedServer(t, "good", func(o *Options) { o.OpsApart = true })
	asset := "/assets/" + console.Load().Hash + "/app.js"
	for _, path := range []string{"/", asset} {
		if w := do(s.ops, "GET", path, "", "Accept", asBrowser); w.Code != http.StatusOK || strings.Contains(w.Header().Get("Content-Type"), "json") {
			t.Errorf("%s on the operators' listener: %d %v", path, w.Code, w.Header())
		}
	}
	if w := do(s, "GET", "/", "", "Accept", asBrowser); w.Code != http.StatusOK || object(t, w)["name"] != "topics" {
		t.Errorf("/ on the main listener: %d %.80s", w.Code, w.Body)
	}
	if w := do(s, "GET", asset, "", "Authorization", "Bearer good"); w.Code != http.StatusNotFound {
		t.Errorf("an asset on the main listener: %d", w.Code)
	}
}
