package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/e6e95bb8/topics/cmd/topics/config"
)

// composition is the part of a Compose file that this directory uses.
type composition struct {
	Services map[string]struct {
		Image           string
		Build           struct{ Context, Dockerfile string }
		Restart         string
		ReadOnly        bool     `yaml:"read_only"`
		CapDrop         []string `yaml:"cap_drop"`
		SecurityOpt     []string `yaml:"security_opt"`
		StopGracePeriod string   `yaml:"stop_grace_period"`
		Ulimits         map[string]int
		Environment     map[string]string
		Ports, Volumes  []string
	}
	Volumes map[string]struct{}
}

// The Compose file has no field that it does not mean, its files and volumes exist, the
// server takes its variables, and no port is open to other machines.
func TestComposeFile(t *testing.T) {
	b, err := os.ReadFile("compose/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c composition
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 3 || len(c.Services["topics"].Environment) < 3 {
		t.Fatalf("%+v", c.Services)
	}
	for name, s := range c.Services {
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			_, declared := c.Volumes[from]
			if _, err := os.Stat(filepath.Join("compose", from)); !declared && err != nil {
				t.Errorf("%s mounts %s, which is neither a volume nor a file", name, from)
			}
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to other machines", name, port)
			}
		}
		if b := s.Build; b.Context != "" {
			if _, err := os.Stat(filepath.Join("compose", b.Context, b.Dockerfile)); err != nil {
				t.Error(err)
			}
		}
	}
	environ := []string{"TOPICS_DATA_DIR=" + t.TempDir()}
	for name, value := range c.Services["topics"].Environment {
		environ = append(environ, name+"="+value)
	}
	got, err := config.Load(environ, config.ThisMachine())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], "no API keys: ") {
		t.Errorf("the server warns of %q", got.Warnings)
	}
	s := c.Services["topics"]
	grace, err := time.ParseDuration(s.StopGracePeriod)
	if stop := got.DrainDelay + got.DrainTimeout + 10*time.Second; err != nil || grace < stop {
		t.Errorf("it is killed after %s, before its drain ends: %s, %v", s.StopGracePeriod, stop, err)
	}
	if s.Ulimits["nofile"] != 524288 || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
		t.Errorf("%+v", s)
	}
	dir := t.TempDir()
	written(t, dir, "topics.rules.yml", text(t, "prometheus/topics.rules.yml"))
	succeeds(t, "promtool", "check", "config", written(t, dir, "prometheus.yml", text(t, "compose/prometheus.yml")))
}
