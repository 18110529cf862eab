package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestExposed(t *testing.T) {
	dir := t.TempDir()
	keys, data := filepath.Join(dir, "keys"), filepath.Join(dir, "data")
	if err := os.WriteFile(keys, []byte("a-key-of-some-length\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := Load([]string{"TOPICS_API_KEYS_FILE=" + keys, "TOPICS_DATA_DIR=" + data, "TOPICS_COLD_DIR=" + filepath.Join(dir, "none")}, large)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		keys, data os.FileMode
		want       []string
	}{
		{0o600, 0o700, nil},
		{0o640, 0o750, nil}, // a group may be intended
		{0o644, 0o700, []string{"TOPICS_API_KEYS_FILE"}},
		{0o400, 0o755, []string{"TOPICS_DATA_DIR"}},
		{0o604, 0o701, []string{"TOPICS_API_KEYS_FILE", "TOPICS_DATA_DIR"}},
	} {
		for name, mode := range map[string]os.FileMode{keys: tt.keys, data: tt.data} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, w := range c.Exposed() {
			got = append(got, strings.SplitN(w, ":", 2)[0])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("keys %o, data %o: warned of %q, want %q", tt.keys, tt.data, got, tt.want)
		}
	}
}

func TestProbeAuthNeedsKeys(t *testing.T) {
	for env, want := range map[string]bool{"TOPICS_API_KEYS=": true, "TOPICS_API_KEYS=a-key-of-some-length": false} {
		c, err := Load([]string{"TOPICS_PROBE_AUTH=true", env}, large)
		if err != nil {
			t.Fatal(err)
		}
		warned := slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.HasPrefix(w, "TOPICS_PROBE_AUTH ") })
		if warned != want {
			t.Errorf("%q: warnings %q", env, c.Warnings)
		}
	}
}
