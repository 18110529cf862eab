package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// queueOf makes a queue with a dead-letter topic and jobs that are numbers.
func queueOf(t *testing.T, c *client.Client, config client.Config, jobs int) {
	t.Helper()
	dead := "dead"
	config.Type, config.DeadLetter = "queue", &dead
	if _, err := c.PutTopic(t.Context(), "work", config); err != nil {
		t.Fatal(err)
	}
	w := &client.Write{}
	for n := range jobs {
		tag := fmt.Sprint("tag-", n+1)
		w.Entries = append(w.Entries, client.Entry{Data: fmt.Appendf(nil, `%d`, n+1), Tag: &tag})
	}
	if _, err := c.Append(t.Context(), "work", w); err != nil {
		t.Fatal(err)
	}
}

// counts returns the counts of the queue.
func counts(t *testing.T, c *client.Client) client.QueueCounts {
	t.Helper()
	state, err := c.State(t.Context(), "work")
	if err != nil || state.Queue == nil {
		t.Fatalf("%+v, %v", state, err)
	}
	n := *state.Queue
	n.OldestReadyMS = 0
	return n
}

// `topics work` runs a command for each job, as many at a time as allowed; exit
// codes decide; a job that fails too often is dead, and can be put back.
func TestWorkCommand(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	c := server.client()
	queueOf(t, c, client.Config{MaxDeliveries: 2}, 9)
	dir := t.TempDir()
	worker := command(t, []string{"DIR=" + dir}, "work", "work", "--url", server.url(), "--parallel", "3", "--exec",
		`read -r data; echo "$TOPICS_JOB_TAG $TOPICS_JOB_DELIVERIES" >> "$DIR/$data"; test "$data" != 5 || test -e "$DIR/fixed"`)
	worker.until("all are done", func() bool { return counts(t, c) == client.QueueCounts{DeadLettered: 1} })
	for n := 1; n <= 9; n++ {
		want := fmt.Sprintf("tag-%d 1\n", n)
		if n == 5 {
			want += "tag-5 2\n"
		}
		if got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(n))); err != nil || string(got) != want {
			t.Errorf("job %d: %q, %v", n, got, err)
		}
	}
	listed := command(t, nil, "dead", "work", "--url", server.url())
	if code := listed.exit(); code != 0 {
		t.Fatalf("dead: exit code %d", code)
	}
	var letter client.DeadLetter
	if err := json.Unmarshal([]byte(listed.stdout.String()), &letter); err != nil || letter.SourceSeq != 5 || letter.Reason != "max_deliveries" || letter.Deliveries != 2 || string(letter.Data) != "5" {
		t.Errorf("dead: %q, %v", listed.stdout.String(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "fixed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	replay := command(t, nil, "dead", "work", "--url", server.url(), "--replay", "all")
	if code := replay.exit(); code != 0 || !strings.Contains(replay.stdout.String(), `"replayed":1`) {
		t.Errorf("replay: exit code %d, %s", code, replay.stdout.String())
	}
	worker.until("it is done", func() bool {
		s, err := c.State(t.Context(), "work")
		return err == nil && s.HeadSeq == 10 && s.Count == 0
	})
	worker.signal(syscall.SIGTERM)
	if code := worker.exit(); code != 0 || !strings.Contains(worker.stderr.String(), "work: 9 jobs acked, 2 given back, 0 lost") {
		t.Errorf("exit code %d, said %s", code, worker.stderr.String())
	}
}

// Queue case 11: a worker that is stopped finishes what runs and gives back the
// rest uncounted; one that is killed uses up a delivery of what it held.
func TestWorkCommandStops(t *testing.T) {
	server := serve(t, t.TempDir()).ready()
	c := server.client()
	queueOf(t, c, client.Config{MaxDeliveries: 2}, 8)
	dir := t.TempDir()
	begin := func() *process {
		w := command(t, []string{"DIR=" + dir}, "work", "work", "--url", server.url(), "--ahead", "7", "--stop", "60s", "--exec",
			`touch "$DIR/began"; while ! test -e "$DIR/go"; do sleep 0.01; done`)
		w.until("a job has begun", func() bool {
			_, err := os.Stat(filepath.Join(dir, "began"))
			return err == nil && counts(t, c).InFlight == 8
		})
		if err := os.Remove(filepath.Join(dir, "began")); err != nil {
			t.Fatal(err)
		}
		return w
	}
	for range 5 { // each gives back all, and the second signal ends what runs
		w := begin()
		w.signal(syscall.SIGTERM)
		w.until("the others are back", func() bool { return counts(t, c).Ready == 7 })
		w.signal(syscall.SIGTERM)
		if code := w.exit(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		for job, err := range c.Jobs(t.Context(), "work", client.JobReady) {
			if err != nil || job.Deliveries != 0 {
				t.Errorf("%+v, %v", job, err)
			}
		}
	}
	begin().kill()
	server.until("all are back", func() bool { return counts(t, c).InFlight == 0 })
	listed := command(t, nil, "jobs", "work", "--url", server.url(), "--state", "ready", "-n", "1")
	if code := listed.exit(); code != 0 || !strings.Contains(listed.stdout.String(), `"deliveries":1`) {
		t.Errorf("jobs: exit code %d, %s", code, listed.stdout.String())
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := command(t, []string{"DIR=" + dir}, "work", "work", "--url", server.url(), "--exec", "true")
	w.until("all are done", func() bool { n := counts(t, c); return n.Ready+n.InFlight == 0 })
	w.signal(syscall.SIGINT)
	if code := w.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
