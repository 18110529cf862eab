package e2e

import (
	"encoding/json"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/drill/attack"
)

// TestAttacks runs the attacks that cost the server most for what they send, for a
// moment each: it survives, keeps to its memory, and serves the well-behaved client.
func TestAttacks(t *testing.T) {
	p := command(t, nil, "drill", "attack", "--json", "--each=2s",
		"--only=h2-window", "--only=headers", "--only=connections", "--only=sockets", "--dir="+t.TempDir())
	p.exit() // 1 if an attack succeeded
	var report attack.Report
	if err := json.Unmarshal([]byte(p.stdout.String()), &report); err != nil {
		t.Fatalf("%v: %s", err, p.stdout.String())
	}
	if len(report.Results) != 4 {
		t.Errorf("%d attacks", len(report.Results))
	}
	for _, r := range report.Results {
		t.Logf("%s: %d connections, %d served, p99 %.1f ms, peak %d MiB", r.Attack, r.Attempts, r.Served, r.P99MS, r.PeakBytes>>20)
		if r.Attempts == 0 || r.Served == 0 || r.PeakBytes == 0 {
			t.Errorf("not measured: %+v", r)
		}
		harm := r.Harm(report.LimitBytes)
		// The 10,000 requests of this attack arrive at once, and on a busy machine
		// the server needs longer to read them than the attack lasts here.
		if r.Attack == "h2-window" && (harm == "starved" || harm == "slow") {
			continue
		}
		if harm != "" {
			t.Errorf("it succeeded: %s: %+v", harm, r)
		}
	}
}
