package drill

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A short drill of the real binary keeps every promise, and does some work.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary and runs servers")
	}
	binary := filepath.Join(t.TempDir(), "topics")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	// A slow machine gets more time.
	for duration := 500 * time.Millisecond; ; duration *= 4 {
		out, err := exec.Command(binary, "drill", "--kills", "3", "--seed", "2", "--duration", duration.String(), "--dir", t.TempDir(), "--json").Output()
		var r Report
		if jerr := json.Unmarshal(out, &r); err != nil || jerr != nil {
			t.Fatalf("%v, %v\n%s", err, jerr, out)
		}
		if r.Kills != 3 || r.Broken() != 0 {
			t.Fatalf("got %s", out)
		}
		if r.Total.Deletes > 0 && r.Total.Checked > 0 && r.Total.Copied > 0 && r.Watched > 0 {
			return
		}
		if duration > 30*time.Second {
			t.Fatalf("too little in %v: %s", duration, out)
		}
	}
}
