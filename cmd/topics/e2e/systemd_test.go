package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// systemd is the socket on which a supervisor hears of a service.
type systemd struct {
	t    *testing.T
	path string
	mu   sync.Mutex
	said []string // lines, in order
}

// listenAsSystemd listens until the test ends.
func listenAsSystemd(t *testing.T) *systemd {
	t.Helper()
	d := &systemd{t: t, path: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: d.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := conn.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			d.mu.Lock()
			d.said = append(d.said, strings.Split(string(buf[:n]), "\n")...)
			d.mu.Unlock()
		}
	}()
	return d
}

// env is what the service is started with: it has to be pinged every 200 ms.
func (d *systemd) env() []string {
	return []string{"NOTIFY_SOCKET=" + d.path, "WATCHDOG_USEC=600000"}
}

// lines returns what was said so far, without pings.
func (d *systemd) lines() (lines []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.said), func(line string) bool { return line == "WATCHDOG=1" })
}

func (d *systemd) pings() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, line := range d.said {
		if line == "WATCHDOG=1" {
			n++
		}
	}
	return n
}

func (d *systemd) heard(prefix string) bool {
	return slices.ContainsFunc(d.lines(), func(line string) bool { return strings.HasPrefix(line, prefix) })
}

// await waits until a line was heard. The process that says it may have ended.
func (d *systemd) await(prefix string) {
	d.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(patience); !d.heard(prefix); {
		select {
		case <-tick.C:
		case <-timeout:
			d.t.Fatalf("%s was not heard: %q", prefix, d.lines())
		}
	}
}

const extended = "EXTEND_TIMEOUT_USEC=30000000"

// The life of a server as systemd hears it: a start that takes its time, ready,
// pings until the process is stuck, and the stop.
func TestSystemdHearsOfEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := serve(t, dir, "TOPICS_CHECKPOINT_INTERVAL_MS=0").ready()
	write(t, first.client(), topic, `1`)
	first.kill()

	d := listenAsSystemd(t)
	port := filepath.Join(t.TempDir(), "port")
	server := command(t, append(d.env(), "TOPICS_DATA_DIR="+dir, "TOPICS_PORT=0", "TOPICS_PORT_FILE="+port), "serve-held", "--held")
	server.port = port
	server.until("it says that it replays", func() bool { return d.heard("STATUS=replaying ") })
	lines := d.lines()
	// It says that it is starting, unless it replays already when it says the first.
	if lines[0] != extended || !strings.HasPrefix(lines[1], "STATUS=") || d.heard("READY=1") {
		t.Errorf("heard %q while the disk is held", lines)
	}
	if !strings.Contains(lines[len(lines)-1], " %") {
		t.Errorf("status %q", lines[len(lines)-1])
	}
	server.signal(syscall.SIGUSR2)
	server.until("it is ready", func() bool { return d.heard("READY=1") && d.heard("STATUS=ready") })
	before := d.pings()
	server.until("it pings", func() bool { return d.pings() >= before+5 })

	server.signal(syscall.SIGWINCH)
	server.until("it is stuck", func() bool {
		resp, err := http.Get(server.url() + "/live")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	stuck := d.pings()
	time.Sleep(5 * 200 * time.Millisecond) // five pings that must not come
	if late := d.pings() - stuck; late > 1 {
		t.Errorf("%d pings of a process that is stuck", late)
	}

	server.signal(syscall.SIGTERM)
	if code := server.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	d.await("STATUS=stopped")
	lines = d.lines()
	stop := slices.Index(lines, "STOPPING=1")
	if stop < slices.Index(lines, "READY=1") || lines[stop+1] != extended || lines[len(lines)-1] != "STATUS=stopped" {
		t.Errorf("heard %q", lines)
	}
}

// A recovery that is refused ends the wait of systemd: by its exit code, or, if
// the server stays up to give the reason, by READY.
func TestSystemdHearsOfARefusal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := listenAsSystemd(t)
	server := serve(t, dir, d.env()...)
	server.until("it gives the reason", func() bool { return d.heard("READY=1") && d.heard("STATUS=recovery failed: ") })
	server.stop()

	d = listenAsSystemd(t)
	server = command(t, append(d.env(), "TOPICS_DATA_DIR="+dir, "TOPICS_PORT=0", "TOPICS_EXIT_ON_RECOVERY_FAILURE=true"))
	if code := server.exit(); code != 3 || d.heard("READY=1") {
		t.Errorf("exit code %d, heard %q", code, d.lines())
	}
}

// Each reason to exit has its code, which decides whether a supervisor tries
// again.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	inUse, absent := t.TempDir(), filepath.Join(t.TempDir(), "none")
	first := serve(t, inUse).ready()
	for name, c := range map[string]struct {
		env  []string
		code int
		text string
	}{
		"unknown variable": {[]string{"TOPICS_PROT=1"}, 2, "did you mean"},
		"certificate":      {[]string{"TOPICS_TLS_CERT_FILE=/none", "TOPICS_TLS_KEY_FILE=/none"}, 2, "/none"},
		"in use":           {[]string{"TOPICS_DATA_DIR=" + inUse, "TOPICS_EXIT_ON_RECOVERY_FAILURE=true"}, 1, fmt.Sprint("in use by process ", first.cmd.Process.Pid)},
		"port taken":       {[]string{"TOPICS_PORT=" + portOf(t, first.addr())}, 1, "address already in use"},
		"no data": {[]string{"TOPICS_DATA_DIR=" + absent, "TOPICS_REQUIRE_EXISTING=true", "TOPICS_EXIT_ON_RECOVERY_FAILURE=true"}, 3,
			"see that its disk is mounted"},
	} {
		env := append([]string{"TOPICS_PORT=0", "TOPICS_DATA_DIR=" + t.TempDir()}, c.env...)
		p := command(t, env)
		if code := p.exit(); code != c.code || !strings.Contains(p.stderr.String(), c.text) {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s", name, code, c.code, c.text, p.stderr.String())
		}
	}
	if _, err := os.Stat(absent); err == nil {
		t.Errorf("%s was made", absent)
	}

	// Without the exit the server stays up and says why; a directory with data is
	// taken.
	empty := t.TempDir()
	refusing := serve(t, empty, "TOPICS_REQUIRE_EXISTING=true")
	refusing.until("it refuses", func() bool { return strings.Contains(refusing.stderr.String(), "recovery failed") })
	if names, err := os.ReadDir(empty); err != nil || len(names) > 0 {
		t.Errorf("a directory without data now has %v, %v", names, err)
	}
	first.stop()
	serve(t, inUse, "TOPICS_REQUIRE_EXISTING=true").ready().stop()
}
