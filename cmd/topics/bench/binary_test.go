package bench

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
)

// The parts about stored data, small, on the real binary: the figures are
// there and agree with what was asked for.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary and runs servers")
	}
	binary := filepath.Join(t.TempDir(), "topics")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "bench", "--only", "recovery,history,debian", "--records", "5k", "--topics", "10",
		"--history-records", "10k", "--dir", t.TempDir(), "--json")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(r.Recovery) != 1 || len(r.History) != 2 || r.Debian == nil {
		t.Fatalf("parts are missing: %s", out)
	}
	if p := r.Recovery[0]; p.Records != 5000 || p.ReplayedRecords != 5000 || p.LogBytes == 0 || p.ReadyMS <= 0 || p.CleanMS <= 0 || p.PeakBytes < p.ResidentBytes/2 {
		t.Errorf("recovery: %+v", p)
	}
	for _, h := range r.History {
		if h.Segments == 0 || h.Records <= 0 || h.Read != 10 {
			t.Errorf("history: %+v", h)
		}
	}
	if d := r.Debian; d.Records != debianRecords || d.Ratio <= 0 || d.Ratio >= 1 {
		t.Errorf("debian: %+v", d)
	}
}
