// Package deploy has no code: its tests hold the files of this directory to the
// programs that they are for.
package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installed finds a program. If it is missing, the test is skipped, except in CI.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("%s is not installed: .ci/run does that", name)
	default:
		t.Skipf("there is no %s", name)
	}
	return path
}

// succeeds runs a program, which must exit with 0, and returns what it printed.
func succeeds(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(installed(t, name), args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// text returns a file of this directory with some of its text replaced. Each of
// the texts must occur.
func text(t *testing.T, path string, oldAndNew ...string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(oldAndNew); i += 2 {
		if !strings.Contains(string(b), oldAndNew[i]) {
			t.Fatalf("%s has no %q", path, oldAndNew[i])
		}
	}
	return strings.NewReplacer(oldAndNew...).Replace(string(b))
}

func written(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
