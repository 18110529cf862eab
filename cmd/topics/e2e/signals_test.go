package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A server continues after the reader of its log has gone away.
func TestLogReaderGoesAway(t *testing.T) {
	read, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	port := filepath.Join(t.TempDir(), "port")
	p := &process{t: t, cmd: exec.Command(binary), done: make(chan struct{}), port: port}
	p.cmd.Env = []string{"TOPICS_PORT=0", "TOPICS_PORT_FILE=" + port, "TOPICS_DATA_DIR=" + t.TempDir(), "TOPICS_LOG_LEVEL=debug"}
	p.cmd.Stdout, p.cmd.Stderr = end, end
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit code is checked below
		close(p.done)
	}()
	t.Cleanup(p.kill)
	p.until("it listens", func() bool { _, err := os.Stat(port); return err == nil })
	p.ready()
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	c := p.client()
	if status, _ := asked(t, http.MethodPost, p.url()+"/v0/admin/checkpoint", "", ""); status != 200 {
		t.Errorf("a checkpoint: %d", status) // it writes a line to the log
	}
	for range 3 {
		_ = p.cmd.Process.Signal(syscall.SIGHUP) // so does each of these
	}
	write(t, c, topic, `1`)
	p.stop()
}

// SIGHUP makes the server read the keys and the log level again and log that;
// if one is invalid, the previous one stays in use.
func TestHangupReloads(t *testing.T) {
	dir := t.TempDir()
	keys, level := filepath.Join(dir, "keys"), filepath.Join(dir, "level")
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(keys, "a-first-secret-key:r\na-second-secret-key:r\n")
	put(level, "error\n")
	server := serve(t, t.TempDir(), "TOPICS_API_KEYS_FILE="+keys, "TOPICS_LOG_LEVEL_FILE="+level, "TOPICS_LOG_FORMAT=json").ready()
	status := func(key string) int {
		t.Helper()
		code, _ := asked(t, http.MethodGet, server.url()+"/v0/topics", key, "")
		return code
	}
	hangup := func(line string) {
		t.Helper()
		before := strings.Count(server.stderr.String(), line)
		server.signal(syscall.SIGHUP)
		server.until("its log has "+line, func() bool { return strings.Count(server.stderr.String(), line) > before })
	}
	if a, b, c := status("a-first-secret-key"), status("a-second-secret-key"), status("a-third-secret-key"); a != 200 || b != 200 || c != 401 {
		t.Fatalf("before: %d, %d, %d", a, b, c)
	}
	put(keys, "a-first-secret-key:r\na-third-secret-key:r\n")
	put(level, "info\n")
	hangup(`"of":"log level","to":"info"`)
	if a, b, c := status("a-first-secret-key"), status("a-second-secret-key"), status("a-third-secret-key"); a != 200 || b != 401 || c != 200 {
		t.Errorf("after: %d, %d, %d", a, b, c)
	}
	put(keys, "a-fourth-secret-key:everything\n")
	put(level, "loud\n")
	hangup(`"of":"log level","error":`)
	if a, c := status("a-first-secret-key"), status("a-third-secret-key"); a != 200 || c != 200 {
		t.Errorf("after a file that is refused: %d, %d", a, c)
	}
	if said := server.stderr.String(); strings.Contains(said, "secret-key") {
		t.Errorf("the log shows keys:\n%s", said)
	}
	server.stop()
}

// With an audit file, audit lines are in it and not in the log; on SIGHUP a
// file that was renamed is created again.
func TestAuditFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	server := serve(t, t.TempDir(), "TOPICS_AUDIT_FILE="+file, "TOPICS_LOG_LEVEL=error", "TOPICS_LOG_FORMAT=json").ready()
	put := func(name string) {
		t.Helper()
		if status, body := asked(t, http.MethodPut, server.url()+"/v0/topics/"+name, "", "{}"); status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
	}
	holds := func(name, target string) {
		t.Helper()
		b, err := os.ReadFile(name)
		if err != nil || strings.Count(string(b), "\n") != 1 || !strings.Contains(string(b), `"target":"`+target+`","outcome":"ok"`) {
			t.Errorf("%s holds %q, %v", name, b, err)
		}
	}
	put("before")
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	server.signal(syscall.SIGHUP)
	server.until("the file is there again", func() bool { _, err := os.Stat(file); return err == nil })
	put("after")
	holds(file+".1", "before")
	holds(file, "after")
	if log := server.stderr.String(); strings.Contains(log, `"audit"`) {
		t.Errorf("the log has audit lines:\n%s", log)
	}
	server.stop()
}

// Reads that repeat one of the last minute are on the audit trail when the server ends.
func TestAuditAtTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	server := serve(t, t.TempDir(), "TOPICS_AUDIT_FILE="+file, "TOPICS_LOG_FORMAT=json").ready()
	for range 3 {
		if status, body := asked(t, http.MethodGet, server.url()+"/v0/admin/sessions", "", ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	server.stop()
	b, err := os.ReadFile(file)
	lines := slices.DeleteFunc(strings.Split(string(b), "\n"), func(line string) bool { return !strings.Contains(line, "/v0/admin/sessions") })
	if err != nil || len(lines) != 2 || !strings.Contains(lines[1], `"suppressed":1,"at":"`) {
		t.Errorf("the file holds %q, %v", b, err)
	}
}
