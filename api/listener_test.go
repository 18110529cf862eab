package api

import (
	"net"
	"net/http"
	"testing"

	"github.com/e6e95bb8/topics/api/call"
)

// With a listener of their own for operators, only that one has the routes of
// operators, and both have all others; without one the main listener has them
// all.
func TestOperatorsHaveAListenerOfTheirOwn(t *testing.T) {
	apart, _ := openServer(func(o *Options) { o.OpsApart, o.Storage = true, workingStorage() })
	together, _ := openServer(nil)
	if together.OpsServer() != nil {
		t.Error("an operators' listener without being asked for one")
	}
	for _, rt := range apart.routes() {
		path := target(rt.Pattern, "t")
		onMain := rt.Kind == call.Data || rt.Kind == call.Streaming || rt.Kind == call.Probe || rt.Kind == call.Personal
		for _, tt := range []struct {
			name   string
			server http.Handler
			want   bool
		}{{"main", apart, onMain}, {"operators'", apart.ops, true}, {"only", together, true}} {
			w := do(tt.server, http.MethodOptions, path, "")
			if got := w.Code == http.StatusNoContent; got != tt.want {
				t.Errorf("%s on the %s listener: %d", rt.Pattern, tt.name, w.Code)
			}
		}
	}
	for path, want := range map[string][2]int{
		"/metrics": {404, 200}, "/v0/metrics": {404, 200}, "/v0/admin/stats": {404, 200},
		"/healthz": {200, 200}, "/v0/ready": {200, 200}, "/v0/topics": {200, 200}, "/v0/whoami": {200, 200},
	} {
		if main, ops := do(apart, "GET", path, "").Code, do(apart.ops, "GET", path, "").Code; main != want[0] || ops != want[1] {
			t.Errorf("%s: %d on the main listener, %d on the operators', want %v", path, main, ops, want)
		}
	}
}

// The operators' server speaks on the wire, and needs keys as well.
func TestOperatorsOnTheWire(t *testing.T) {
	s, _ := keyedServer(t, "good", func(o *Options) { o.OpsApart = true })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := s.OpsServer()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	for proto, client := range clients(t) {
		for key, want := range map[string]int{"good": 200, "bad": 401} {
			resp, body, err := ask(t.Context(), client, l.Addr().String(), "GET /metrics", "Authorization", "Bearer "+key)
			if err != nil || resp.StatusCode != want {
				t.Errorf("%s with a key that is %s: %v %.200s", proto, key, err, body)
			}
		}
		client.CloseIdleConnections()
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != http.ErrServerClosed {
		t.Error(err)
	}
}
