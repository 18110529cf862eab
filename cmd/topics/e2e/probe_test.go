package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// probe runs topics probe with a server's settings and returns its exit code. A
// probe that a busy machine does not let end within its limit is repeated.
func probe(t *testing.T, what string, env []string, args ...string) (code int, text string) {
	t.Helper()
	for began := time.Now(); ; {
		code, text = probeOnce(t, what, env, args...)
		if !strings.Contains(text, "deadline exceeded") || time.Since(began) > patience {
			return code, text
		}
	}
}

func probeOnce(t *testing.T, what string, env []string, args ...string) (code int, text string) {
	t.Helper()
	p := command(t, env, append([]string{"probe", what}, args...)...)
	code = p.exit()
	return code, p.stdout.String() + p.stderr.String()
}

// A probe finds the server by the server's own settings, in every phase.
func TestProbeInEveryPhase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "port")
	env := []string{"TOPICS_PORT=0", "TOPICS_PORT_FILE=" + file, "TOPICS_DATA_DIR=" + dir, "TOPICS_DRAIN_TIMEOUT_MS=60000", "TOPICS_DRAIN_DELAY_MS=60000"}
	expect := func(phase string, live, ready int) {
		t.Helper()
		for what, want := range map[string]int{"live": live, "ready": ready} {
			if code, text := probe(t, what, env); code != want {
				t.Errorf("%s: probe %s exits with %d, want %d: %s", phase, what, code, want, text)
			}
		}
	}
	expect("not started", 1, 1)
	held := command(t, env, "serve-held", "--held")
	held.port = file
	held.until("it listens", func() bool { _, err := os.Stat(file); return err == nil })
	expect("replaying", 0, 1)
	held.signal(syscall.SIGUSR2)
	held.ready()
	expect("ready", 0, 0)
	if code, text := probe(t, "ready", nil, "--url", held.url()); code != 0 {
		t.Errorf("probe --url: %d %s", code, text)
	}
	if code, text := probe(t, "ready", nil, "--url", held.addr()); code != 0 {
		t.Errorf("probe --url without a scheme: %d %s", code, text)
	}
	held.signal(syscall.SIGTERM)
	held.until("it drains", func() bool { return strings.Contains(held.stderr.String(), "draining") })
	expect("draining", 0, 1)
	held.kill()
	expect("killed", 1, 1)

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "MANIFEST.prev"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	failed := command(t, env)
	failed.until("recovery fails", func() bool { return strings.Contains(failed.stderr.String(), "recovery failed") })
	expect("failed", 0, 1)
}

// A probe ends within its limit when nothing answers.
func TestProbeHasALimit(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	lost := losing(t)
	began := time.Now()
	code, text := probeOnce(t, "live", nil, "--url", "http://"+silent.Addr().String())
	if took := time.Since(began); took > 10*time.Second+lost() { // the limit is 2 s
		t.Errorf("it took %v, of which the machine took %v away", took, lost())
	}
	if code != 1 || !strings.Contains(text, "deadline exceeded") {
		t.Errorf("exit code %d: %s", code, text)
	}
}

// A probe knows TLS, keys of both places, PORT, and a listener for operators.
func TestProbeReadsTheSettings(t *testing.T) {
	t.Parallel()
	cert, key := filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	certify(t, cert, key, "topics.example")
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("# first\nhush-probe:r:none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, more := range map[string][]string{
		"tls":       {"TOPICS_TLS_CERT_FILE=" + cert, "TOPICS_TLS_KEY_FILE=" + key},
		"keys":      {"TOPICS_API_KEYS=hush-one:r,hush-two", "TOPICS_PROBE_AUTH=true"},
		"keys file": {"TOPICS_API_KEYS_FILE=" + keys, "TOPICS_PROBE_AUTH=1"},
		"all hosts": {"TOPICS_HOST=0.0.0.0:0", "TOPICS_ALLOW_INSECURE_NO_AUTH=1"},
		"operators": {"TOPICS_OPS_ADDR=127.0.0.1:0"},
	} {
		file := filepath.Join(t.TempDir(), "port")
		env := append([]string{"TOPICS_PORT=0", "TOPICS_PORT_FILE=" + file, "TOPICS_DATA_DIR=" + t.TempDir()}, more...)
		server := command(t, env)
		server.until("it is ready", func() bool { return strings.Contains(server.stderr.String(), `"ready"`) })
		for _, what := range []string{"live", "ready"} {
			if code, text := probe(t, what, env); code != 0 {
				t.Errorf("%s: probe %s: %d %s", name, what, code, text)
			}
		}
		server.stop()
	}

	port := freePort(t)
	env := []string{"PORT=" + port, "TOPICS_DATA_DIR=" + t.TempDir()}
	server := command(t, env)
	server.until("it is ready", func() bool { return strings.Contains(server.stderr.String(), `"ready"`) })
	if code, text := probe(t, "ready", env); code != 0 {
		t.Errorf("PORT: %d %s", code, text)
	}
	if code, text := probe(t, "ready", nil, "--url", "http://127.0.0.1:"+port); code != 0 {
		t.Errorf("the server does not listen on PORT: %d %s", code, text)
	}
}

// The keys are read again when their file has changed, and by topics reload,
// which finds the server by its directory.
func TestKeysAreReadAgain(t *testing.T) {
	t.Parallel()
	mount := t.TempDir() // as Kubernetes mounts a Secret
	version := func(n int, key string) {
		t.Helper()
		dir := filepath.Join(mount, fmt.Sprint("version", n))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "keys"), []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		next := filepath.Join(mount, "next")
		if err := os.Symlink(dir, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(mount, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version(1, "hush-old")
	if err := os.Symlink("..data/keys", filepath.Join(mount, "keys")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	server := serve(t, dir, "TOPICS_API_KEYS_FILE="+filepath.Join(mount, "keys"), "TOPICS_API_KEYS_INTERVAL_MS=20")
	status := func(key string) int {
		code, _ := asked(t, "GET", server.url()+"/v0/topics", key, "")
		return code
	}
	server.until("the old key works", func() bool { return status("hush-old") == 200 })
	version(2, "hush-new")
	server.until("the new key works", func() bool { return status("hush-new") == 200 })
	if code := status("hush-old"); code != 401 {
		t.Errorf("the old key gets %d", code)
	}
	version(3, "hush:bad:") // not valid: what is in use stays
	server.until("it complains", func() bool { return strings.Contains(server.stderr.String(), "reload failed") })
	if code := status("hush-new"); code != 200 {
		t.Errorf("after a file that is not valid the key gets %d", code)
	}

	tool := command(t, []string{"TOPICS_DATA_DIR=" + dir}, "reload")
	if code := tool.exit(); code != 0 || !strings.Contains(tool.stdout.String(), fmt.Sprintf("sent SIGHUP to process %d", server.cmd.Process.Pid)) {
		t.Errorf("reload: %d %s%s", code, tool.stdout.String(), tool.stderr.String())
	}
	server.until("it reloads", func() bool { return strings.Contains(server.stderr.String(), `"of":"log level"`) })
	server.stop()
	tool = command(t, nil, "reload", dir)
	if code := tool.exit(); code != 1 || !strings.Contains(tool.stderr.String(), "no server is using") {
		t.Errorf("reload without a server: %d %s", code, tool.stderr.String())
	}
}
