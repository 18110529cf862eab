package jobs

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
)

// A short drill of the real binary keeps every promise, and does some work.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary and runs servers")
	}
	binary := filepath.Join(t.TempDir(), "topics")
	if out, err := exec.Command("go", "build", "-o", binary, "../..").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "drill", "queue", "--jobs", "1200", "--workers", "2", "--kills", "2", "--every", "200ms", "--lease", "2s", "--seed", "4", "--dir", t.TempDir(), "--json")
	out, err := cmd.Output()
	var r Report
	if jerr := json.Unmarshal(out, &r); err != nil || jerr != nil {
		t.Fatalf("%v, %v\n%s", err, jerr, out)
	}
	if r.Broken() != 0 || r.ServerKills != 2 || r.WorkerKills == 0 || r.WorkerExits == 0 {
		t.Fatalf("got %s", out)
	}
	for c, tally := range r.Classes {
		if tally.Written < 200 || tally.Acked == 0 || tally.Done+tally.Dead+tally.Allowed != tally.Written || c.survives() && tally.Allowed != 0 {
			t.Errorf("%s: %+v", c, tally)
		}
	}
}
