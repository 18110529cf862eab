package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The next start begins at the last checkpoint, whether it was requested or
// taken at the end: older log is not read again, and everything can be read.
func TestCheckpointCutsTheLog(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	env := []string{"TOPICS_WAL_FILE_BYTES=1048576", "TOPICS_CHECKPOINT_INTERVAL_MS=0"} // no automatic checkpoints
	server := serve(t, dir, env...).ready()
	c := server.client() // one connection for all
	const n = 3000
	for i := range n {
		write(t, c, []string{"disk", "fsync"}[i%2], fmt.Sprintf(`"%d %01000d"`, i, i))
	}
	want := contents(t, server.client())
	var logs []int
	for range 2 { // the log is kept back to the previous checkpoint
		report := checkpoint(t, server)
		if report["checkpoint"] == nil || report["topics"] == nil {
			t.Fatalf("the checkpoint answered %v", report)
		}
		write(t, server.client(), "disk", `"between"`)
		logs = append(logs, logFiles(t, dir))
	}
	if logs[1] >= logs[0] || logs[1] > 3 {
		t.Errorf("%v log files after each checkpoint", logs)
	}
	want["disk"] = contents(t, server.client())["disk"]
	server.kill()

	for _, end := range []string{"killed", "stopped"} {
		server = serve(t, dir, env...).ready()
		var report struct {
			Checkpoint string `json:"checkpoint"`
			Records    int64  `json:"records_replayed"`
			Segments   int    `json:"segments"`
		}
		get(t, server.url()+"/v0/recovery", 200, &report)
		if report.Checkpoint == "" || report.Segments == 0 || report.Records > 1 || end == "stopped" && report.Records > 0 {
			t.Errorf("%s: recovery says %+v", end, report)
		}
		got := contents(t, server.client())
		for topic := range want {
			if got[topic] != want[topic] {
				t.Errorf("%s: %s has %d bytes, and had %d", end, topic, len(got[topic]), len(want[topic]))
			}
		}
		server.stop()
	}
}

// checkpoint requests a checkpoint and returns the answer.
func checkpoint(t *testing.T, p *process) (report map[string]any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.url()+"/v0/admin/checkpoint", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Confirm", "true")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&report); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("checkpoint: %d %v, %v", resp.StatusCode, report, err)
	}
	return report
}

// logFiles returns the number of log files, without preallocated ones.
func logFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, "wal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".wal") {
			n++
		}
	}
	return n
}
