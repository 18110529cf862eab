// Package e2e tests the real binary: processes that are started, killed,
// restarted and used over HTTP as by an operator.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/api/client"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "topics-e2e-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "topics")
	build := exec.Command("go", "build", "-o", binary, "..")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the binary:", err)
		os.Exit(1)
	}
	describeDefault()
	code := max(m.Run(), reportUndescribed())
	os.RemoveAll(dir)
	os.Exit(code)
}

// patience is how long a test waits for anything before it fails. It is
// generous, because the machine may be busy and its disk slow; a test that passes
// does not wait that long.
const patience = 3 * time.Minute

// process is one run of the binary or of another program.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout output
	stderr output
	done   chan struct{}
	// For a server: its data directory, additional environment, and port file.
	dir  string
	env  []string
	port string
}

// output collects the output of a process while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// command starts the binary with arguments and additional environment entries.
func command(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(binary, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TOPICS_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return start(t, cmd)
}

// start starts a program. It is killed when the test ends, and its output is
// shown if the test failed.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the exit code is checked where it matters
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s%s", strings.Join(cmd.Args, " "), p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// slowDisk are settings of a server whose health says nothing of how slow the
// machine's disk is.
var slowDisk = []string{"TOPICS_HEALTH_SYNC_DEGRADED_MS=3600000", "TOPICS_HEALTH_SYNC_UNHEALTHY_MS=3600000"}

// serve starts a server on a data directory and returns once it is listening.
// By default it uses a free port, a drain may take as long as tests wait for it,
// and the disk may be slow; env can override that.
func serve(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "port")
	own := []string{"TOPICS_PORT=" + freePort(t), "TOPICS_PORT_FILE=" + file, "TOPICS_DATA_DIR=" + dir, "TOPICS_MAX_ADMIN_READS_PER_SECOND=0",
		fmt.Sprint("TOPICS_DRAIN_TIMEOUT_MS=", patience.Milliseconds())}
	p := command(t, slices.Concat(own, slowDisk, env))
	p.dir, p.env, p.port = dir, env, file
	p.until("it listens", func() bool { _, err := os.Stat(file); return err == nil })
	return p
}

// again restarts a server that has ended, with the same data and settings and
// at the same address.
func (p *process) again() *process {
	p.t.Helper()
	return serve(p.t, p.dir, append(slices.Clone(p.env), "TOPICS_PORT="+portOf(p.t, p.addr()))...)
}

// ready waits until the server accepts traffic.
func (p *process) ready() *process {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.client().WaitReady(ctx, nil); err != nil {
		p.t.Fatalf("not ready: %v", err)
	}
	return p
}

// addr returns the server's address.
func (p *process) addr() string {
	p.t.Helper()
	b, err := os.ReadFile(p.port)
	if err != nil {
		p.t.Fatal(err)
	}
	return "127.0.0.1:" + strings.TrimSpace(string(b))
}

func (p *process) url() string { return "http://" + p.addr() }

// opsURL returns the URL of the server's listener for operators. Its log must
// be JSON.
func (p *process) opsURL() string {
	p.t.Helper()
	found := regexp.MustCompile(`"addr":"([^"]+)"[^}]*"listening for operators"`).FindStringSubmatch(p.stderr.String())
	if found == nil {
		p.t.Fatalf("no address in the log:\n%s", p.stderr.String())
	}
	return "http://" + found[1]
}

// kill kills the process with SIGKILL and waits until it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// signal sends a signal to a process, which must be alive.
func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the process to end by itself and returns its exit code, or -1
// after a signal.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatal("it does not end")
		return 0
	}
}

// until polls a condition every few milliseconds. It fails the test if the
// process ends first.
func (p *process) until(what string, holds func() bool) {
	p.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for !holds() {
		select {
		case <-p.done:
			if holds() {
				return
			}
			p.t.Fatalf("it ended before %s", what)
		case <-timeout:
			p.t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// stop stops a server with SIGTERM. The shutdown must be clean.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		p.t.Fatalf("exit code %d after SIGTERM", code)
	}
}

// write appends one record, retries while the log has no room, and returns the
// seq.
func write(t *testing.T, c *client.Client, topic, data string) uint64 {
	t.Helper()
	w, err := c.Append(context.Background(), topic, &client.Write{Entries: []client.Entry{{Data: []byte(data)}}, DisableBackpressure: true})
	if err != nil {
		t.Fatal(err)
	}
	return w.LastSeq
}

// isCode fails the test unless err is an answer of the server with this code.
func isCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v, want %s", err, code)
	}
}
