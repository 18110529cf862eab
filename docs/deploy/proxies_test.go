package deploy

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// The programs take the configurations as they are. cmd/topics/e2e runs servers
// with them.
func TestProxiesTakeTheirConfigurations(t *testing.T) {
	t.Run("haproxy", func(t *testing.T) { succeeds(t, "haproxy", "-c", "-f", "haproxy/haproxy.cfg") })
	t.Run("caddy", func(t *testing.T) {
		installed(t, "caddy")
		for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
			t.Setenv(name, t.TempDir())
		}
		succeeds(t, "caddy", "validate", "--adapter", "caddyfile", "--config", "caddy/Caddyfile")
	})
	t.Run("nginx", func(t *testing.T) {
		dir := t.TempDir()
		server, err := filepath.Abs("nginx/topics.conf")
		if err != nil {
			t.Fatal(err)
		}
		whole := written(t, dir, "nginx.conf", "pid nginx.pid;\nevents {}\nhttp {\ninclude "+server+";\n}\n")
		succeeds(t, "nginx", "-t", "-p", dir, "-c", whole, "-e", "stderr")
		succeeds(t, "sh", "-n", "nginx/ready.sh")
	})
	t.Run("envoy", func(t *testing.T) {
		if _, err := exec.LookPath("envoy"); err != nil {
			t.Skip("there is no envoy, and no Debian package of it")
		}
		succeeds(t, "envoy", "--mode", "validate", "-c", "envoy/envoy.yaml")
	})
}

// The longest that a connection is silent in good order: a long poll, and an event
// stream between two heartbeats.
const (
	longPoll  = 30 * time.Second
	heartbeat = 60 * time.Second
)

// A proxy waits longer than a stream is silent. Envoy's limits of a whole answer are
// off.
func TestProxiesOutlastSilence(t *testing.T) {
	for _, tc := range []struct {
		file, setting string
		over          time.Duration
	}{
		{"haproxy/haproxy.cfg", `timeout client (\w+)`, heartbeat},
		{"haproxy/haproxy.cfg", `timeout server (\w+)`, heartbeat},
		{"haproxy/haproxy.cfg", `timeout tunnel (\w+)`, heartbeat},
		{"nginx/topics.conf", `proxy_read_timeout (\w+);`, heartbeat},
		{"nginx/topics.conf", `proxy_send_timeout (\w+);`, heartbeat},
		{"caddy/Caddyfile", `response_header_timeout (\w+)`, longPoll},
		{"envoy/envoy.yaml", `[^_]idle_timeout: (\w+)`, heartbeat},
	} {
		found := regexp.MustCompile(tc.setting).FindStringSubmatch(text(t, tc.file))
		if found == nil {
			t.Errorf("%s has no %s", tc.file, tc.setting)
			continue
		}
		if d, err := time.ParseDuration(found[1]); err != nil || d <= tc.over {
			t.Errorf("%s: %s, want more than %v (%v)", tc.file, found[0], tc.over, err)
		}
	}
	for _, off := range []string{`(?m)^ *timeout: 0s$`, `(?m)^ *stream_idle_timeout: 0s$`} {
		if !regexp.MustCompile(off).MatchString(text(t, "envoy/envoy.yaml")) {
			t.Errorf("Envoy would end a stream: no %s", off)
		}
	}
}
