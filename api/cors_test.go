package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
)

// crossOrigin are the headers of an answer that are about other origins.
func crossOrigin(h http.Header) map[string]string {
	out := map[string]string{}
	for name := range h {
		if rest, ok := strings.CutPrefix(name, "Access-Control-"); ok {
			out[rest] = h.Get(name)
		}
	}
	return out
}

func TestPagesOfOtherOrigins(t *testing.T) {
	const listed = "https://a.example,http://localhost:5173"
	for _, tt := range []struct {
		origins, origin string
		allowed         string // the origin that the answer names
		credentials     bool
		vary            bool
	}{
		{"", "https://a.example", "", false, false},
		{listed, "https://a.example", "https://a.example", true, true},
		{listed, "http://localhost:5173", "http://localhost:5173", true, true},
		{listed, "https://A.Example", "https://A.Example", true, true},
		{listed, "http://a.example", "", false, true},
		{listed, "https://a.example.evil", "", false, true},
		{listed, "null", "", false, true},
		{listed, "", "", false, true},
		{"*", "https://b.example", "*", false, false},
		{"*", "null", "*", false, false},
		{"*", "", "", false, false},
	} {
		keys, _ := auth.Parse("good")
		s, _ := openServer(func(o *Options) {
			o.Keys = keys
			if tt.origins != "" {
				o.CORSOrigins = strings.Split(tt.origins, ",")
			}
		})
		for _, req := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/v0/topics", 200}, {"GET", "/v0/topics/none", 404}, {"GET", "/v0/watch/none", 404}, {"GET", "/nowhere", 404},
			{"PUT", "/v0/topics/t", 0}, {"GET", "/healthz", 200}, {"GET", "/metrics", 200},
		} {
			for _, key := range []string{"good", "bad"} {
				w := do(s, req.method, req.path, "", "Origin", tt.origin, "Authorization", "Bearer "+key, "Accept-Encoding", "gzip")
				h := w.Header()
				what := tt.origins + ": " + tt.origin + " " + req.method + " " + req.path + " with a key that is " + key
				if key == "good" && req.status != 0 && w.Code != req.status {
					t.Errorf("%s: %d %s", what, w.Code, w.Body)
				}
				if got := h.Get("Access-Control-Allow-Origin"); got != tt.allowed {
					t.Errorf("%s: allows %q, want %q", what, got, tt.allowed)
				}
				if got := h.Get("Access-Control-Allow-Credentials"); (got == "true") != tt.credentials {
					t.Errorf("%s: credentials %q", what, got)
				}
				if vary := strings.Join(h.Values("Vary"), ", "); strings.Contains(vary, "Origin") != tt.vary {
					t.Errorf("%s: Vary %q", what, vary)
				}
				if exposed := h.Get("Access-Control-Expose-Headers"); strings.Contains(exposed, "Retry-After") != (tt.allowed != "") {
					t.Errorf("%s: exposes %q", what, exposed)
				}
			}
		}
	}
}

// A preflight is answered without a key and says what the path takes.
func TestPreflights(t *testing.T) {
	keys, _ := auth.Parse("good")
	s, _ := openServer(func(o *Options) {
		o.Keys, o.ProbeAuth, o.CORSOrigins = keys, true, []string{"https://a.example"}
	})
	ask := func(path, origin string) map[string]string {
		w := do(s, "OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization")
		if w.Code != 204 && path != "/nowhere" {
			t.Errorf("%s: %d", path, w.Code)
		}
		return crossOrigin(w.Header())
	}
	got := ask("/v0/topics/t", "https://a.example")
	if got["Allow-Methods"] != "DELETE, GET, HEAD, PATCH, POST, PUT, OPTIONS" || got["Allow-Origin"] != "https://a.example" ||
		got["Max-Age"] != "600" {
		t.Errorf("%v", got)
	}
	for _, name := range []string{"Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Confirm"} {
		if !strings.Contains(got["Allow-Headers"], name) {
			t.Errorf("%s is not among %s", name, got["Allow-Headers"])
		}
	}
	if got := ask("/healthz", "https://a.example"); got["Allow-Methods"] != "GET, HEAD, OPTIONS" {
		t.Errorf("%v", got)
	}
	if got := ask("/v0/topics/t", "https://b.example"); len(got) != 0 {
		t.Errorf("another origin: %v", got)
	}
	if got := ask("/nowhere", "https://a.example"); got["Allow-Methods"] != "" {
		t.Errorf("no such path: %v", got)
	}
	// Not a preflight.
	if got := crossOrigin(do(s, "OPTIONS", "/v0/topics", "", "Origin", "https://a.example").Header()); got["Allow-Methods"] != "" {
		t.Errorf("%v", got)
	}
}

// What is answered differently for each origin and compressed for some says
// both.
func TestVaryNamesEverything(t *testing.T) {
	s, _ := openServer(func(o *Options) { o.CORSOrigins = []string{"https://a.example"} })
	w := do(s, "GET", "/metrics", "", "Accept-Encoding", "gzip")
	if got := strings.Join(w.Header().Values("Vary"), ", "); got != "Origin, Accept, Accept-Encoding" {
		t.Errorf("Vary %q", got)
	}
}
