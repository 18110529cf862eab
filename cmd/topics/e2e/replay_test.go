package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// replayMiB is how much log TestReplayIsVisible has replayed. It must take
// long enough to be looked at a few dozen times.
var replayMiB = flag.Int("replay-mib", 1024, "MiB of log in the replay test")

// TestReplayIsVisible looks at a server that replays a long log: alive, not
// ready, with rising progress, refusing data, and then all of it turns.
func TestReplayIsVisible(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, dir).ready()
	fillLog(t, server.client(), *replayMiB<<20)
	server.kill()

	// Told to stop in the middle, it stops.
	server = serve(t, dir)
	server.stop()

	server = serve(t, dir)
	c, ctx := server.client(), context.Background()
	var during string // metrics
	seen := map[float64]bool{}
	last := -1.0
	server.until("it is ready", func() bool {
		metrics, err := c.Metrics(ctx)
		if err != nil {
			t.Fatalf("metrics: %v", err)
		}
		_, refused := c.State(ctx, topic)
		if _, err := c.Health(ctx); err != nil {
			t.Fatalf("health: %v", err)
		}
		r, err := c.Ready(ctx)
		if err != nil {
			t.Fatalf("ready: %v", err)
		}
		if r.Ready {
			return true
		}
		// What was asked before an answer that is not ready was asked during replay.
		isCode(t, refused, client.CodeNotReady)
		if r.Code != client.CodeNotReady || r.RetryAfter <= 0 || r.ReplayProgress < last || r.ReplayProgress >= 1 {
			t.Fatalf("ready says %+v after %v", r, last)
		}
		if !strings.Contains(metrics, "\ntopics_ready 0\n") {
			t.Fatal("metrics do not say topics_ready 0")
		}
		last, seen[r.ReplayProgress], during = r.ReplayProgress, true, metrics
		return false
	})
	if len(seen) < 10 {
		t.Errorf("only %d values of progress were seen", len(seen))
	}
	after, err := c.Metrics(ctx)
	if err != nil || !strings.Contains(after, "\ntopics_ready 1\n") || !strings.Contains(after, "\ntopics_recovery_progress 1\n") {
		t.Errorf("metrics after replay: %v\n%s", err, after)
	}
	write(t, c, topic, `"served"`)
	promtool(t, "during replay", during)
	promtool(t, "after replay", after)
}

// fillLog writes about so many bytes, 100 records of 10 KB in a write.
func fillLog(t *testing.T, c *client.Client, bytes int) {
	t.Helper()
	data, err := json.Marshal(strings.Repeat("0123456789", 1000))
	if err != nil {
		t.Fatal(err)
	}
	w := &client.Write{OmitSeqs: true}
	for i := range 100 {
		tag := "tag-" + strconv.Itoa(i)
		w.Entries = append(w.Entries, client.Entry{Data: data, Tag: &tag})
	}
	for written := 0; written < bytes; written += 100 * len(data) {
		if _, err := c.Append(context.Background(), topic, w); err != nil {
			t.Fatal(err)
		}
	}
}

// promtool holds metrics against Prometheus' own checker where it is
// installed, as it is in CI.
func promtool(t *testing.T, when, metrics string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Error("promtool is not installed: apt-get install prometheus")
		}
		return
	}
	check := exec.Command(tool, "check", "metrics")
	check.Stdin = strings.NewReader(metrics)
	out, err := check.CombinedOutput()
	var complaints []string
	for line := range strings.Lines(string(out)) {
		if !slices.Contains(fixedNames, strings.TrimSpace(line)) {
			complaints = append(complaints, line)
		}
	}
	// Exit code 3 is what promtool gives for complaints about names only.
	if len(complaints) > 0 || err != nil && check.ProcessState.ExitCode() != 3 {
		t.Errorf("promtool %s: %v\n%s", when, err, complaints)
	}
}

// fixedNames are promtool's complaints about names that the wire contract
// fixes.
var fixedNames = []string{
	"topics_uptime_ms metric names should not contain abbreviated units",
	"topics_wal_fsync_latency_us metric names should not contain abbreviated units",
}
