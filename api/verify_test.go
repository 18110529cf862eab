package api

import (
	"errors"
	"fmt"
	"testing"
)

// A scrub that nobody waits for is begun once, and shown in every phase.
func TestVerifyWithoutWaiting(t *testing.T) {
	f := workingStorage()
	s, _ := adminServer(f, nil)
	shown := func(w map[string]any) string {
		return fmt.Sprint(w["state"], " ", w["bytes_done"], " of ", w["bytes_total"])
	}
	if got := shown(object(t, get(s, "GET", "/v0/admin/verify"))); got != "idle 0 of 0" {
		t.Error(got)
	}
	wantCode(t, do(s, "POST", "/v0/admin/verify?wait=false", ""), 400, "invalid_request")
	wantCode(t, do(s, "POST", "/v0/admin/verify?wait=no", "", "X-Confirm", "true"), 400, "invalid_request")
	if n := f.started.Load(); n != 0 {
		t.Fatalf("begun %d times without being asked", n)
	}
	for range 2 {
		w := do(s, "POST", "/v0/admin/verify?wait=false", "", "X-Confirm", "true")
		if got := shown(object(t, w)); w.Code != 202 || got != "running 4 of 8" {
			t.Errorf("%d %s", w.Code, got)
		}
	}
	w := get(s, "GET", "/v0/admin/verify")
	if got := shown(object(t, w)); got != "running 4 of 8" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", got, w.Header())
	}
	f.startErr = errors.New("why")
	wantCode(t, do(invented{s}, "POST", "/v0/admin/verify?wait=false", "", "X-Confirm", "true"), 500, "internal")
	for name, progress := range phases {
		world := newWorld()
		world.progress = progress
		if got := shown(object(t, get(opsServer(world, nil), "GET", "/v0/admin/verify"))); got != "idle 0 of 0" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
