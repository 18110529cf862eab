package bench

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/cmd/topics/bench/peer"
)

// Small runs of the real binary, which wait most of the time: no figure of one is
// compared with another.
func TestBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary and runs servers")
	}
	binary := filepath.Join(t.TempDir(), "topics")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Run("parts", func(t *testing.T) {
		t.Parallel()
		runParts(t, binary)
	})
	t.Run("against", func(t *testing.T) {
		t.Parallel()
		runAgainst(t, binary)
	})
}

// runAgainst measures beside each server that is installed: every load has its figures, and
// what is not installed is named.
func runAgainst(t *testing.T, binary string) {
	t.Helper()
	names := []string{"redis", "beanstalkd"}
	installed := 0
	for _, name := range names {
		if _, err := peer.Find(name); err == nil {
			installed++
		} else if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "bench", "--against", strings.Join(names, ","), "--turns", "1", "--interval", "100ms", "--warmup", "20ms",
		"--read-records", "2000", "--dir", t.TempDir(), "--json")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rows, ratios := 8, 0
	if _, err := peer.Find("redis"); err == nil {
		rows, ratios = rows+5, ratios+8
	}
	if _, err := peer.Find("beanstalkd"); err == nil {
		rows, ratios = rows+4, ratios+7
	}
	if len(r.Against.Rows) != rows || len(r.Against.Ratios) != ratios || len(r.Against.Missing) < len(names)-installed {
		t.Errorf("%d rows instead of %d, %d ratios instead of %d, missing: %q", len(r.Against.Rows), rows, len(r.Against.Ratios), ratios, r.Against.Missing)
	}
	for _, m := range r.Against.Rows {
		if m.Records <= 0 || m.P50US <= 0 || m.P99US < m.P50US || m.ServerUS < 0 {
			t.Errorf("%+v", m)
		}
	}
	for _, m := range r.Against.Ratios {
		if m.Records <= 0 || m.P50 <= 0 || m.ServerUS < 0 {
			t.Errorf("%+v", m)
		}
	}
}

// runParts measures the parts about stored data, streams and queues: the results
// exist and agree with the parameters.
func runParts(t *testing.T, binary string) {
	t.Helper()
	cmd := exec.Command(binary, "bench", "--only", "recovery,probes,history,debian,watch,fanout,queue,backlog", "--records", "5k", "--progress-records", "20k", "--held", "100ms", "--settle", "50ms", "--topics", "10",
		"--history-records", "10k", "--interval", "100ms", "--repeats", "1", "--watchers", "1,5", "--idle-watchers", "20", "--destinations", "4",
		"--queue-workers", "1,4", "--queue-jobs", "2000", "--backlog-jobs", "10k", "--dir", t.TempDir(), "--json")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(r.Recovery) != 1 || len(r.History) != 2 || r.Debian == nil || r.Watch == nil || r.Fanout == nil || r.Queue == nil {
		t.Fatalf("parts are missing: %s", out)
	}
	if p := r.Recovery[0]; p.Records != 5000 || p.ReplayedRecords != 5000 || p.LogBytes == 0 || p.ReadyMS <= 0 || p.CleanMS <= 0 || p.PeakBytes < p.ResidentBytes/2 {
		t.Errorf("recovery: %+v", p)
	}
	if len(r.Progress) != 3 || len(r.Probes) != 8 {
		t.Errorf("progress: %+v, probes: %+v", r.Progress, r.Probes)
	}
	for _, p := range r.Probes {
		if p.Probes == 0 || p.P50US <= 0 || p.Live != "[200]" && (p.Live != "[]" || p.Probes >= 20) {
			t.Errorf("probes: %+v", p)
		}
	}
	for _, h := range r.History {
		if h.Segments == 0 || h.Records <= 0 || h.Read != 10 {
			t.Errorf("history: %+v", h)
		}
	}
	for i, w := range r.Watch.Rows {
		if w.Deliveries == 0 || w.P50US <= 0 || w.Stalled != i/2 {
			t.Errorf("watch: %+v", w)
		}
	}
	if f := r.Fanout; f.Writes == 0 || f.BytesEach <= 0 || f.AllP50MS <= 0 || f.Lone.Rounds != 1 || f.Lone.Writes == 0 || f.Lone.Ratio <= 0 {
		t.Errorf("fanout: %+v", f)
	}
	for _, l := range r.Backlog {
		if l.JobBytes <= 0 || l.Calls["claim"].P50US <= 0 || l.Calls["ack"].P99US <= 0 || l.StateMS <= 0 || l.ReadyMS <= 0 || l.CleanMS <= 0 {
			t.Errorf("backlog: %+v", l)
		}
	}
	if len(r.Backlog) != 12 || r.Due.Jobs != 10_000 || len(r.Due.Before) != len(dueCalls) || r.Due.TookMS <= 0 {
		t.Errorf("backlog: %d rows, %+v", len(r.Backlog), r.Due)
	}
	_, missing := peer.Find("beanstalkd")
	for _, c := range r.Queue.Rows {
		if c.Jobs <= 0 || c.P50US <= 0 || (c.Other == nil) != (missing != nil) || (c.Ratio > 0) != (missing == nil) {
			t.Errorf("queue: %+v", c)
		}
	}
	if len(r.Queue.Rows) != 3*2*2*2 || (r.Queue.Beanstalkd != "") != (missing != nil) {
		t.Errorf("queue: %+v", r.Queue)
	}
	if d := r.Debian; d.Records != debianRecords || d.Ratio <= 0 || d.Ratio >= 1 {
		t.Errorf("debian: %+v", d)
	}
}
