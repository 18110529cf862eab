package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/drill/attack"
)

// TestAttacks runs the attacks that cost the server most for what they send, for a
// moment each: it survives, keeps to its memory, and serves the well-behaved client.
// A moment is short for a flood of connections on a busy machine, where the kernel
// loses some of the well-behaved client's, too. So what that client is judged by is
// measured for longer before it counts as harm.
func TestAttacks(t *testing.T) {
	names := []string{"h2-window", "headers", "connections", "sockets"}
	for each := 2 * time.Second; len(names) > 0; each *= 5 {
		names = attacked(t, each, names)
		if len(names) > 0 && each > 10*time.Second {
			t.Fatalf("for %s the well-behaved client was not served: %q", each, names)
		}
	}
}

// attacked runs attacks and returns the names of those after which the well-behaved
// client has cause to complain of the rate or the latency with which it was served.
// From both it subtracts what the machine withheld from the processes.
func attacked(t *testing.T, each time.Duration, names []string) (complaints []string) {
	t.Helper()
	args := []string{"drill", "attack", "--json", "--each=" + each.String(), "--dir=" + t.TempDir()}
	for _, name := range names {
		args = append(args, "--only="+name)
	}
	share := sharing(t)
	p := command(t, nil, args...)
	p.exit() // 1 if an attack succeeded
	var report attack.Report
	if err := json.Unmarshal([]byte(p.stdout.String()), &report); err != nil {
		t.Fatalf("%v: %s", err, p.stdout.String())
	}
	if len(report.Results) != len(names) {
		t.Errorf("%d attacks", len(report.Results))
	}
	for _, r := range report.Results {
		t.Logf("%s: %d connections, %d served in %.1f s, p99 %.1f ms, %d unreached, peak %d MiB; a process had %.2f of a processor",
			r.Attack, r.Attempts, r.Served, r.Seconds, r.P99MS, r.Unreached, r.PeakBytes>>20, share())
		if r.Attempts == 0 || r.PeakBytes == 0 {
			t.Errorf("not measured: %+v", r)
		}
		fair := r
		fair.Seconds *= share()
		fair.P99MS *= share()
		switch harm := fair.Harm(report.LimitBytes); {
		case harm == "starved" || harm == "slow" || harm == "unreached" || harm == "" && r.Served == 0:
			t.Logf("%s: %s", r.Attack, harm)
			complaints = append(complaints, r.Attack)
		case harm != "":
			t.Errorf("it succeeded: %s: %+v", harm, r)
		}
	}
	return complaints
}

// TestAttackOnASlowDisk: reads of old records that wait for a slow disk cost the server
// neither its life nor its limit, and the well-behaved client gets no wrong answer. How
// fast it is served is for the drill itself.
func TestAttackOnASlowDisk(t *testing.T) {
	p := command(t, nil, "drill", "attack", "--json", "--only=slow-disk", "--scale=0.05", "--each=1s", "--dir="+t.TempDir())
	p.exit() // 1 if the client was served slowly
	var report attack.Report
	if err := json.Unmarshal([]byte(p.stdout.String()), &report); err != nil || len(report.Results) != 1 {
		t.Fatalf("%v: %s", err, p.stdout.String())
	}
	r := report.Results[0]
	if r.Attempts == 0 || r.PeakBytes == 0 || r.PeakBytes > report.LimitBytes || r.Died != "" || r.Errors > 0 || r.Served == 0 {
		t.Errorf("%+v", r)
	}
}
