package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/recovery/health"
)

// Once there are keys, paths and the configuration are for those that read.
func TestPathsAreForReaders(t *testing.T) {
	const place = "my data/wal/1.wal"
	keys, err := auth.Parse("reader:r,writer:w")
	if err != nil {
		t.Fatal(err)
	}
	for _, keyed := range []bool{true, false} {
		w := newWorld()
		w.progress = phases["failed"]
		w.progress.Err = errors.New("open /srv/" + place + ": permission \"denied\"")
		w.health = health.Snapshot{Status: health.Unhealthy, Taken: w.now, Findings: []health.Finding{
			finding("log", health.Unhealthy, "sync of /srv/"+place+" failed"), finding("recovery", health.Unhealthy, "the "+`C:\srv\`+place), finding("memory", health.Degraded, "95 % used"),
		}}
		s := opsServer(w, func(o *Options) {
			o.Config = map[string]any{"TOPICS_DATA_DIR": "/srv/my data"}
			if keyed {
				o.Keys = keys
			}
		})
		for _, path := range []string{"/v0/ready", "/readyz", "/startupz", "/live", "/ready", "/health", "/actuator/health/liveness",
			"/actuator/health/readiness", "/actuator/info"} {
			for header, shown := range map[string]bool{"": !keyed, "Bearer writer": !keyed, "Bearer reader": true, "Bearer unknown": !keyed} {
				got := get(s, "GET", path, "Authorization", header)
				if !json.Valid(got.Body.Bytes()) {
					t.Fatalf("%s: no JSON: %s", path, got.Body)
				}
				if body := got.Body.String(); strings.Contains(body, "data") && strings.Contains(body, "srv") != shown || strings.Contains(body, "1.wal") && !shown {
					t.Errorf("%s with %q, keys %v: %s", path, header, keyed, body)
				} else if shown && !strings.Contains(body, "srv") {
					t.Errorf("%s with %q, keys %v: nothing of it: %s", path, header, keyed, body)
				}
			}
		}
	}
}
