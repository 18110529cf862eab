package api

import (
	"errors"
	"fmt"
	"testing"

	"github.com/e6e95bb8/topics/topics/record"
)

// An erasure that nobody waits for is begun when asked to, one at a time, and
// shown in every phase.
func TestErasureWithoutWaiting(t *testing.T) {
	f := workingStorage()
	s, _ := adminServer(f, nil)
	shown := func(w map[string]any) string {
		return fmt.Sprint(w["state"], " ", w["segments_checked"], " of ", w["segments_total"])
	}
	if got := shown(object(t, get(s, "GET", "/v0/admin/compact"))); got != "idle 0 of 0" {
		t.Error(got)
	}
	wantCode(t, do(s, "POST", "/v0/admin/compact?wait=false", ""), 400, "invalid_request")
	wantCode(t, do(s, "POST", "/v0/admin/compact?wait=no", "", "X-Confirm", "true"), 400, "invalid_request")
	if n := f.erasing.Load(); n != 0 {
		t.Fatalf("begun %d times without being asked", n)
	}
	w := do(s, "POST", "/v0/admin/compact?wait=false", "", "X-Confirm", "true")
	if got := shown(object(t, w)); w.Code != 202 || got != "running 1 of 3" {
		t.Errorf("%d %s", w.Code, got)
	}
	w = get(s, "GET", "/v0/admin/compact")
	if got := shown(object(t, w)); got != "running 1 of 3" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", got, w.Header())
	}
	f.startErr = &record.Error{Kind: record.KindThrottled, Message: "one is under way", Detail: map[string]any{"retry_after_ms": 1000}}
	w = do(s, "POST", "/v0/admin/compact?wait=false", "", "X-Confirm", "true")
	if wantCode(t, w, 429, "throttled"); w.Header().Get("Retry-After") != "1" {
		t.Errorf("%v", w.Header())
	}
	f.startErr = errors.New("why")
	wantCode(t, do(invented{s}, "POST", "/v0/admin/compact?wait=false", "", "X-Confirm", "true"), 500, "internal")
	for name, progress := range phases {
		world := newWorld()
		world.progress = progress
		if got := shown(object(t, get(opsServer(world, nil), "GET", "/v0/admin/compact"))); got != "idle 0 of 0" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
