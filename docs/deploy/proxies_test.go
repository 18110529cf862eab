package deploy

import (
	"os/exec"
	"path/filepath"
	"testing"
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
