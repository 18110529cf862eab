package api

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/e6e95bb8/topics/api/console/chromium"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
)

// screenshots is where the pictures of the console go.
var screenshots = flag.String("screenshots", "", "directory for pictures of the console")

// The console works in every phase and on a log that has failed: it says what is
// the matter, pages of data say why they have none, and nothing goes wrong.
func TestConsoleInEveryPhase(t *testing.T) {
	if _, err := exec.LookPath(chromium.Program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	failedLog := []health.Finding{finding("log", health.Unhealthy, "sync of the log: input/output error")}
	for _, tt := range []struct {
		name   string
		phase  string
		checks []health.Finding
		says   []string
	}{
		{"replaying", "replaying", nil, []string{"replaying the log", "62 %, 62 B of 100 B, about 1.5 s left"}},
		{"failed", "failed", nil, []string{"recovery failed"}},
		{"draining", "draining", nil, []string{"draining", "asks every 5 s"}},
		{"read-only", "ready", failedLog, []string{"read-only", "The log takes no writes: sync of the log: input/output error"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.progress = phases[tt.phase]
			w.health.Findings = tt.checks
			if tt.checks != nil {
				w.health.Status = health.Unhealthy
			}
			s := serveStored(t, func(*recovery.Options) {}, func(o *Options) { o.Gate, o.Health = w, w }, nil)
			dir, err := os.MkdirTemp("", "chromium-") // its processes may write to the end: t.TempDir would fail
			must(t, err)
			defer func() { _ = os.RemoveAll(dir) }() // nothing depends on it
			b, err := chromium.Start(t.Context(), dir)
			must(t, err)
			defer b.Close()
			url := "http://" + s.addr
			p, err := b.Open(t.Context(), url, "")
			must(t, err)
			must(t, p.Look(t.Context(), chromium.Desktop, map[bool]string{true: "dark", false: "light"}[tt.phase == "ready"]))
			must(t, p.Go(t.Context(), url+"/"))
			for _, text := range tt.says {
				must(t, p.Sees(t.Context(), text))
			}
			for _, page := range []string{"overview", "topics", "topics/t", "queues", "dead", "routers", "sessions", "recovery", "drill", "new"} {
				must(t, p.Evaluate(t.Context(), fmt.Sprintf("location.hash = '#/%s'", page), nil))
				must(t, p.Until(t.Context(), `document.querySelector("main h1") && !document.querySelector(".skeleton")`))
				must(t, p.Sees(t.Context(), tt.says[0]))
				if *screenshots != "" {
					shot, err := p.Screenshot(t.Context())
					must(t, err)
					must(t, os.WriteFile(filepath.Join(*screenshots, tt.name+"-"+filepath.Base(page)+".png"), shot, 0o600))
				}
			}
			if tt.phase != "draining" {
				must(t, p.Until(t.Context(), `document.querySelector("main form button.primary").disabled && document.querySelector("main .note.warn")`))
			}
			for _, f := range p.Faults() {
				t.Error(f)
			}
		})
	}
}

// must fails the test if a step of it failed.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
