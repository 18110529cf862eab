package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// entries returns the names in a directory.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// Every command recognizes the kind of a directory, names the command for it,
// and does not modify one that it refuses.
func TestDirectoriesOfEveryKind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"photos", "volume/lost+found", "disk/lost+found"} {
		if err := os.MkdirAll(in(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in("photos/beach.jpg"), []byte("sand"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data", "data/cold"} { // directories that the configuration may place inside the data directory
		if err := os.MkdirAll(in(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	server := serve(t, in("data"), "TOPICS_COLD_DIR="+in("data/cold"), "TOPICS_AUDIT_FILE="+in("data/audit")).ready()
	for range 3 {
		write(t, server.client(), "t", `"a record"`)
	}
	backupTool(t, 0, nil, "backup", "--url", server.url(), "--to", in("volume"))
	server.stop()

	if text := backupTool(t, 0, nil, "verify", in("volume")); !strings.Contains(text, "backup: files") {
		t.Errorf("verify of a backup: %s", text)
	}
	backupTool(t, 0, nil, "restore", "--from", in("volume"), "--to", in("disk"))
	backupTool(t, 0, nil, "verify", in("disk"))

	for _, c := range []struct{ dir, want string }{
		{"volume", "topics restore --from"}, {"photos", "such as beach.jpg"}, {"data/wal", "log files"},
	} {
		before := entries(t, in(c.dir))
		refused := command(t, []string{
			"TOPICS_PORT=0", "TOPICS_DATA_DIR=" + in(c.dir), "TOPICS_EXIT_ON_RECOVERY_FAILURE=true", "TOPICS_PORT_FILE=" + in("port"),
		})
		if code := refused.exit(); code != 3 || !strings.Contains(refused.stdout.String()+refused.stderr.String(), c.want) {
			t.Errorf("serve %s: exit code %d without %q", c.dir, code, c.want)
		}
		for _, tool := range []string{"verify", "repair", "dump"} {
			if tool == "verify" && c.dir == "volume" {
				continue
			}
			if text := backupTool(t, 2, nil, tool, in(c.dir)); !strings.Contains(text, c.want) {
				t.Errorf("%s %s: %s", tool, c.dir, text)
			}
		}
		if text := backupTool(t, 1, nil, "backup", "--dir", in(c.dir), "--to", in("never")); !strings.Contains(text, c.want) {
			t.Errorf("backup of %s: %s", c.dir, text)
		}
		if after := entries(t, in(c.dir)); !slices.Equal(after, before) {
			t.Errorf("%s had %v and has %v", c.dir, before, after)
		}
	}
	if text := backupTool(t, 1, nil, "restore", "--from", in("data"), "--to", in("never")); !strings.Contains(text, "is a data directory") {
		t.Errorf("restore from a data directory: %s", text)
	}
	if _, err := os.Stat(in("never")); err == nil {
		t.Error("what was refused was made")
	}

	state := filepath.Join(in("volume/checkpoints"), entries(t, in("volume/checkpoints"))[0])
	if err := os.WriteFile(state, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := backupTool(t, 1, nil, "verify", in("volume")); !strings.Contains(text, state) {
		t.Errorf("verify of a damaged backup: %s", text)
	}
}
