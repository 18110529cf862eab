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

// replayMiB is how much log TestReplayIsVisible replays. It must take long
// enough for a few dozen probes.
var replayMiB = flag.Int("replay-mib", 256, "MiB of log in the replay test")

// TestReplayIsVisible probes a server that replays a long log: it is alive, not
// ready, its progress rises, and it refuses data; then all of that changes.
func TestReplayIsVisible(t *testing.T) {
	dir := t.TempDir()
	// A checkpoint would leave less to replay.
	whole := []string{"TOPICS_CHECKPOINT_BYTES=1TiB", "TOPICS_CHECKPOINT_INTERVAL_MS=0"}
	server := serve(t, dir, whole...).ready()
	fillLog(t, server.client(), *replayMiB<<20)
	server.kill()

	// On a fast machine the replay may end before it was probed often, so repeat
	// it.
	seen, during := 0, ""
	for rounds := 0; seen < 10 || during == ""; rounds++ {
		if server.kill(); rounds == 20 {
			t.Fatalf("only %d values of progress were seen; while replaying, data routes were asked: %t", seen, during != "")
		}
		server = serve(t, dir, whole...)
		values, metrics := watchReplay(t, server)
		t.Logf("%d values of progress", values)
		if seen += values; metrics != "" {
			during = metrics
		}
	}
	c := server.client()
	after, err := c.Metrics(context.Background())
	if err != nil || !strings.Contains(after, "\ntopics_ready 1\n") || !strings.Contains(after, "\ntopics_recovery_progress 1\n") {
		t.Errorf("metrics after replay: %v\n%s", err, after)
	}
	write(t, c, topic, `"served"`)
	promtool(t, "during replay", during)
	promtool(t, "after replay", after)

	// It stops when asked to in the middle of a replay.
	server.kill()
	serve(t, dir, whole...).stop()
}

// watchReplay probes a server until it is ready. It returns how many values of
// progress it saw, and metrics from a time when data was refused, if there was
// one.
func watchReplay(t *testing.T, server *process) (values int, during string) {
	t.Helper()
	c, ctx := server.client(), context.Background()

	// Readiness is polled separately from everything else, because metrics take
	// long on a busy machine and the replay does not wait for them.
	ready, others := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(others)
		for {
			metrics, err := c.Metrics(ctx)
			if err != nil {
				t.Errorf("metrics: %v", err)
				return
			}
			_, refused := c.State(ctx, topic)
			if _, err := c.Health(ctx); err != nil {
				t.Errorf("health: %v", err)
			}
			select {
			case <-ready:
				return
			default:
			}
			// The replay may end between any two of these answers, but it had not ended
			// before one that says so.
			if client.IsCode(refused, client.CodeNotReady) {
				if !strings.Contains(metrics, "\ntopics_ready 0\n") {
					t.Error("metrics do not say topics_ready 0")
				}
				during = metrics
			} else if refused != nil {
				t.Errorf("state: %v", refused)
			}
		}
	}()

	last := -1.0
	server.until("it is ready", func() bool {
		r, err := c.Ready(ctx)
		if err != nil {
			t.Fatalf("ready: %v", err)
		}
		if r.Ready {
			return true
		}
		if r.Code != client.CodeNotReady || r.RetryAfter <= 0 || r.ReplayProgress < last || r.ReplayProgress >= 1 {
			t.Fatalf("ready says %+v after %v", r, last)
		}
		if r.ReplayProgress > last {
			values++
		}
		last = r.ReplayProgress
		return false
	})
	close(ready)
	<-others
	return values, during
}

// fillLog writes about the given number of bytes, 100 records of 10 KB per
// write.
func fillLog(t *testing.T, c *client.Client, bytes int) {
	t.Helper()
	data, err := json.Marshal(strings.Repeat("0123456789", 1000))
	if err != nil {
		t.Fatal(err)
	}
	w := &client.Write{OmitSeqs: true, DisableBackpressure: true}
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

// promtool checks metrics with Prometheus' own checker if it is installed, as
// it is in CI.
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
	// Exit code 3 means that there are only complaints about names.
	if len(complaints) > 0 || err != nil && check.ProcessState.ExitCode() != 3 {
		t.Errorf("promtool %s: %v\n%s", when, err, complaints)
	}
}

// fixedNames are promtool's complaints about names that the contract fixes.
var fixedNames = []string{
	"topics_uptime_ms metric names should not contain abbreviated units",
	"topics_wal_fsync_latency_us metric names should not contain abbreviated units",
}
