package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
)

// testHosts are the names that a server under test goes by: the one that httptest
// gives its requests, and those in requests that are spelt out.
var testHosts = []string{"example.com", "t", "x", "topics.example"}

// Without keys only requests to an address, to localhost or to a name that the
// operator gave are answered, but for probes; with keys the name says nothing.
func TestHost(t *testing.T) {
	keys, err := auth.Parse("a-secret:rw")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	open := opsServer(w, func(o *Options) { o.Hosts = []string{"topics.internal", "bound"} })
	closed := opsServer(w, func(o *Options) { o.Keys = keys })
	for _, test := range []struct {
		host string
		own  bool
	}{
		{"127.0.0.1:4000", true},
		{"127.0.0.1", true},
		{"[::1]:4000", true},
		{"[::1]", true},
		{"10.1.2.3:4000", true},
		{"localhost", true},
		{"LOCALHOST.:4000", true},
		{"app.localhost:4000", true},
		{"", true},
		{"topics.internal:4000", true},
		{"Topics.Internal.", true},
		{"bound", true},
		{"evil.example", false},
		{"evil.example:4000", false},
		{"127.0.0.1.evil.example", false},
		{"localhost.evil.example", false},
		{"notlocalhost", false},
		{"topics.internal.evil.example", false},
	} {
		for _, path := range []string{"/v0/topics", "/v0/ws", "/v0/metrics", "/v0/recovery", "/nowhere", "/health"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = test.host
			got := httptest.NewRecorder()
			open.ServeHTTP(got, r)
			refused := got.Code == 421 && strings.Contains(got.Body.String(), `"code":"misdirected_request"`) &&
				strings.Contains(got.Body.String(), "TOPICS_ALLOWED_HOSTS")
			if want := !test.own && path != "/health"; refused != want {
				t.Errorf("%s of host %q: %d %s", path, test.host, got.Code, got.Body)
			}
			got = httptest.NewRecorder()
			closed.ServeHTTP(got, r)
			if got.Code == 421 {
				t.Errorf("with keys, %s of host %q: %d", path, test.host, got.Code)
			}
		}
	}
}

// A call that changes something is audited when its host is refused, too.
func TestAnAuditedCallWithAForeignHost(t *testing.T) {
	s, _ := openServer(nil)
	r := httptest.NewRequest("PUT", "/v0/topics/t", nil)
	r.Host = "evil.example"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
