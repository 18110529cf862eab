package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// TestFirstProcessOfAContainer: the kernel gives the first process of a PID namespace no
// signal that it does not handle. SIGTERM drains the server as elsewhere, a long poll
// included, and the next start is clean.
func TestFirstProcessOfAContainer(t *testing.T) {
	t.Parallel()
	own := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if try := exec.Command("true"); os.Getuid() != 0 {
		t.Skip("only root can make a PID namespace")
	} else if try.SysProcAttr = own; try.Run() != nil {
		t.Skip("the kernel makes no PID namespace here")
	}
	dir, port := t.TempDir(), filepath.Join(t.TempDir(), "port")
	cmd := exec.Command(binary)
	cmd.SysProcAttr = own
	cmd.Env = append(append(os.Environ(), slowDisk...), "TOPICS_PORT=0", "TOPICS_PORT_FILE="+port, "TOPICS_DATA_DIR="+dir, "TOPICS_DRAIN_TIMEOUT_MS=60000")
	server := start(t, cmd)
	server.port = port
	server.until("it listens", func() bool { _, err := os.Stat(port); return err == nil })
	server.ready()
	c := server.client()
	head := write(t, c, topic, `1`)
	poll := make(chan error, 1)
	go func() {
		_, err := c.Diff(context.Background(), topic, client.Query{From: head, Wait: 30 * time.Second})
		poll <- err
	}()
	server.signal(syscall.SIGTERM)
	if code := server.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	<-poll // answered or refused, by whether it came before the drain

	var report struct {
		CleanShutdown bool `json:"clean_shutdown"`
	}
	get(t, serve(t, dir).ready().url()+"/v0/recovery", http.StatusOK, &report)
	if !report.CleanShutdown {
		t.Error("the end was not clean")
	}
}
