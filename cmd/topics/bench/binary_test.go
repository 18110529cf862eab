package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		patiently(t, func(interval time.Duration) error { return runParts(t, binary, interval) })
	})
	t.Run("against", func(t *testing.T) {
		t.Parallel()
		patiently(t, func(interval time.Duration) error { return runAgainst(t, binary, interval) })
	})
}

// patiently measures for short intervals, and for longer ones if that fails: on a
// slow machine nothing may happen within a short one.
func patiently(t *testing.T, measure func(interval time.Duration) error) {
	t.Helper()
	for interval := 100 * time.Millisecond; ; interval *= 8 {
		err := measure(interval)
		if err == nil {
			return
		}
		if interval > 5*time.Second {
			t.Fatalf("with intervals of %v: %v", interval, err)
		}
		t.Logf("with intervals of %v: %v", interval, err)
	}
}

// report runs the binary and returns its report.
func report(binary string, args ...string) (r Report, err error) {
	out, err := exec.Command(binary, args...).Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return r, fmt.Errorf("%w: %s", err, ended.Stderr)
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(out, &r)
}

// faults are what is wrong with a report.
type faults struct{ errs []error }

func (f *faults) add(format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf(format, args...))
}

// runAgainst measures beside each server that is installed: every load has its figures, and
// what is not installed is named.
func runAgainst(t *testing.T, binary string, interval time.Duration) error {
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
	r, err := report(binary, "bench", "--against", strings.Join(names, ","), "--turns", "1", "--interval", interval.String(), "--warmup", "20ms",
		"--read-records", "2000", "--dir", t.TempDir(), "--json")
	if err != nil {
		return err
	}
	var wrong faults
	rows, ratios := 8, 0
	if _, err := peer.Find("redis"); err == nil {
		rows, ratios = rows+5, ratios+8
	}
	if _, err := peer.Find("beanstalkd"); err == nil {
		rows, ratios = rows+4, ratios+7
	}
	if len(r.Against.Rows) != rows || len(r.Against.Ratios) != ratios || len(r.Against.Missing) < len(names)-installed {
		wrong.add("%d rows instead of %d, %d ratios instead of %d, missing: %q", len(r.Against.Rows), rows, len(r.Against.Ratios), ratios, r.Against.Missing)
	}
	for _, m := range r.Against.Rows {
		if m.Records <= 0 || m.P50US <= 0 || m.P99US < m.P50US || m.ServerUS < 0 {
			wrong.add("%+v", m)
		}
	}
	for _, m := range r.Against.Ratios {
		if m.Records <= 0 || m.P50 <= 0 || m.ServerUS < 0 {
			wrong.add("%+v", m)
		}
	}
	return errors.Join(wrong.errs...)
}

// runParts measures the parts about stored data, streams and queues: the results
// exist and agree with the parameters.
func runParts(t *testing.T, binary string, interval time.Duration) error {
	t.Helper()
	r, err := report(binary, "bench", "--only", "recovery,probes,history,debian,watch,fanout,queue,backlog", "--records", "5k", "--progress-records", "20k", "--held", interval.String(), "--settle", "50ms", "--topics", "10",
		"--history-records", "10k", "--interval", interval.String(), "--repeats", "1", "--watchers", "1,5", "--idle-watchers", "20", "--destinations", "4",
		"--queue-workers", "1,4", "--queue-jobs", "2000", "--backlog-jobs", "10k", "--dir", t.TempDir(), "--json")
	if err != nil {
		return err
	}
	var wrong faults
	if len(r.Recovery) != 1 || len(r.History) != 2 || r.Debian == nil || r.Watch == nil || r.Fanout == nil || r.Queue == nil {
		return fmt.Errorf("parts are missing: %+v", r)
	}
	if p := r.Recovery[0]; p.Records != 5000 || p.ReplayedRecords != 5000 || p.LogBytes == 0 || p.ReadyMS <= 0 || p.CleanMS <= 0 || p.PeakBytes < p.ResidentBytes/2 {
		wrong.add("recovery: %+v", p)
	}
	if len(r.Progress) != 3 || len(r.Probes) != 8 {
		wrong.add("progress: %+v, probes: %+v", r.Progress, r.Probes)
	}
	for _, p := range r.Probes {
		if p.Probes == 0 || p.P50US <= 0 || p.Live != "[200]" && (p.Live != "[]" || p.Probes >= 20) {
			wrong.add("probes: %+v", p)
		}
	}
	for _, h := range r.History {
		if h.Segments == 0 || h.Records <= 0 || h.Read != 10 {
			wrong.add("history: %+v", h)
		}
	}
	for i, w := range r.Watch.Rows {
		if w.Deliveries == 0 || w.P50US <= 0 || w.Stalled != i/2 {
			wrong.add("watch: %+v", w)
		}
	}
	if f := r.Fanout; f.Writes == 0 || f.BytesEach <= 0 || f.AllP50MS <= 0 || f.Lone.Rounds != 1 || f.Lone.Writes == 0 || f.Lone.Ratio <= 0 {
		wrong.add("fanout: %+v", f)
	}
	for _, l := range r.Backlog {
		if l.JobBytes <= 0 || l.Calls["claim"].P50US <= 0 || l.Calls["ack"].P99US <= 0 || l.StateMS <= 0 || l.ReadyMS <= 0 || l.CleanMS <= 0 {
			wrong.add("backlog: %+v", l)
		}
	}
	if len(r.Backlog) != 12 || r.Due.Jobs != 10_000 || len(r.Due.Before) != len(dueCalls) || r.Due.TookMS <= 0 {
		wrong.add("backlog: %d rows, %+v", len(r.Backlog), r.Due)
	}
	_, missing := peer.Find("beanstalkd")
	for _, c := range r.Queue.Rows {
		if c.Jobs <= 0 || c.P50US <= 0 || (c.Other == nil) != (missing != nil) || (c.Ratio > 0) != (missing == nil) {
			wrong.add("queue: %+v", c)
		}
	}
	if len(r.Queue.Rows) != 3*2*2*2 || (r.Queue.Beanstalkd != "") != (missing != nil) {
		wrong.add("queue: %+v", r.Queue)
	}
	if d := r.Debian; d.Records != debianRecords || d.Ratio <= 0 || d.Ratio >= 1 {
		wrong.add("debian: %+v", d)
	}
	return errors.Join(wrong.errs...)
}
