package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/api/client"
)

// serveLimited is serve with a limit of descriptors, in the syntax of the
// shell.
func serveLimited(t *testing.T, ulimit, dir string, env ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "port")
	cmd := exec.Command("sh", "-c", ulimit+` && exec "$0"`, binary)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TOPICS_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(append(cmd.Env, "TOPICS_PORT=0", "TOPICS_PORT_FILE="+file, "TOPICS_DATA_DIR="+dir), env...)
	p := start(t, cmd)
	p.dir, p.env, p.port = dir, env, file
	p.until("it listens", func() bool { _, err := os.Stat(file); return err == nil })
	return p
}

func TestSoftDescriptorLimitIsRaised(t *testing.T) {
	p := serveLimited(t, "ulimit -Sn 200", t.TempDir()).ready()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(line, "Max open files") && f[3] != f[4] {
			t.Error(line)
		}
	}
	p.stop()
}

// answered returns nil if the answer is 200.
func answered(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return err
}

// With more idle connections than descriptors, while log files are opened and
// closed, nothing is refused, probes are answered, and nothing fails.
func TestMoreConnectionsThanDescriptors(t *testing.T) {
	dir := t.TempDir()
	server := serveLimited(t, "ulimit -n 1024", dir, "TOPICS_WAL_FILE_BYTES=1MiB", "TOPICS_CHECKPOINT_BYTES=16MiB",
		slowDisk[0], slowDisk[1]).ready()
	if !strings.Contains(server.stderr.String(), "the descriptor limit is low") {
		t.Error("no warning")
	}
	if _, err := server.client().PutTopic(context.Background(), topic, client.Config{Durability: "fsync", CapRecords: 200}); err != nil {
		t.Fatal(err)
	}

	// A writer that makes the log switch to another file with every second record.
	var written atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		body := `{"records":[{"data":"` + strings.Repeat("x", 600<<10) + `"}]}`
		for ctx.Err() == nil {
			if err := answered(http.Post(server.url()+"/v0/topics/"+topic, "application/json", strings.NewReader(body))); err != nil {
				done <- err
				return
			}
			written.Add(1)
		}
		done <- nil
	}()
	probed := make(chan error, 1)
	prober := describedProber()
	go func() {
		for ctx.Err() == nil {
			for _, path := range []string{"/live", "/health", "/v0/ready"} {
				if err := answered(prober.Get(server.url() + path)); err != nil {
					probed <- fmt.Errorf("%s: %w", path, err)
					return
				}
			}
		}
		probed <- nil
	}()
	more := func(n int64) {
		t.Helper()
		from := written.Load()
		server.until(fmt.Sprint(n, " more are written"), func() bool { return written.Load() >= from+n || len(done) > 0 || len(probed) > 0 })
	}
	more(4)
	var conns []net.Conn
	idle := func(n int) {
		t.Helper()
		for range n {
			conn, err := net.Dial("tcp", server.addr())
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
	}
	idle(1100)
	// More come all the time: the server closes those that have been idle for long,
	// and on a busy machine the first of them before it looks at its health.
	var health struct {
		Checks map[string]struct{ Status, Reason string }
	}
	server.until("health shows it", func() bool {
		idle(1)
		get(t, server.url()+"/health", http.StatusOK, &health)
		return health.Checks["descriptors"].Status == "degraded" && health.Checks["connections"].Status == "degraded"
	})
	if health.Checks["log"].Status != "healthy" {
		t.Errorf("the log is %v", health.Checks["log"])
	}
	more(60)
	for _, conn := range conns {
		conn.Close()
	}
	server.until("health is well again", func() bool {
		get(t, server.url()+"/health", http.StatusOK, &health)
		return health.Checks["descriptors"].Status == "healthy" && health.Checks["connections"].Status == "healthy"
	})
	more(4)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("a write was refused after %d: %v", written.Load(), err)
	}
	if err := <-probed; err != nil {
		t.Errorf("a probe was refused: %v", err)
	}
	if err := server.client().Checkpoint(context.Background()); err != nil {
		t.Errorf("checkpoint: %v", err)
	}
	server.kill()

	server = serve(t, dir).ready()
	var report struct {
		PowerLost  bool `json:"power_lost"`
		LostRanges int  `json:"lost_ranges_total"`
	}
	get(t, server.url()+"/v0/recovery", http.StatusOK, &report)
	if report.PowerLost || report.LostRanges > 0 {
		t.Errorf("the restart reports %+v", report)
	}
	state, err := server.client().State(context.Background(), topic)
	if err != nil || state.HeadSeq != uint64(written.Load()) {
		t.Errorf("head is %d, %v; %d were acknowledged", state.HeadSeq, err, written.Load())
	}
	server.stop()
}
