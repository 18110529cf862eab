package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkout is the root of the repository.
const checkout = "../../.."

// TestREADME does what README.md says, word for word, in a copy of the tree and an
// environment that has only what README asks for. In CI make builds the copy, with
// the modules and the cache that are there; elsewhere the binary under test is
// in its place, because building a copy takes half a minute.
func TestREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(checkout + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(readme)
	if lines := strings.Count(text, "\n"); lines > 150 {
		t.Errorf("README has %d lines", lines)
	}
	for _, command := range []string{"    make run ", "    make test "} {
		if !strings.Contains(text, "\n"+command) {
			t.Errorf("README does not say%s", command)
		}
	}
	ci, err := os.ReadFile(checkout + "/.ci/run")
	if err != nil || !strings.Contains(string(ci), "\nstep make test\n") {
		t.Errorf(".ci/run does not run make test: %v", err)
	}
	installs(t, text)
	dir, port := t.TempDir(), freePort(t)
	copyTree(t, dir)
	env := append(bare(t, port, "make"), building(t, dir)...)
	s := sandbox{dir: dir, env: env, words: [][2]string{{"localhost:4000", "localhost:" + port}}}
	s.prologue = "make -s run 2>server.log &\nuntil bin/topics probe ready >/dev/null 2>&1; do sleep 0.1; done\n"
	s.play(t, checkout+"/README.md", text)
}

// installs checks that go install would find the program where README says, and
// not refuse the module.
func installs(t *testing.T, readme string) {
	t.Helper()
	module, err := os.ReadFile(checkout + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(module), "\n")
	if command := "\n    go install " + strings.TrimPrefix(first, "module ") + "/cmd/topics@latest\n"; !strings.Contains(readme, command) {
		t.Errorf("README does not say%s", command)
	}
	for _, directive := range []string{"replace", "exclude"} {
		if strings.Contains(string(module), "\n"+directive+" ") {
			t.Errorf("go install refuses a module with %s", directive)
		}
	}
}

// building returns what make has to build with, in addition to a bare environment.
func building(t *testing.T, dir string) []string {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("CI") == "" {
		if err := os.Link(binary, filepath.Join(bin, "topics")); err != nil {
			t.Fatal(err)
		}
		return []string{"GO=true"}
	}
	program, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"GO=" + program, "GOTOOLCHAIN=local"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOROOT"} {
		value, err := exec.Command(program, "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return env
}

// copyTree copies the repository without its history and what was built or run
// in it.
func copyTree(t *testing.T, to string) {
	t.Helper()
	entries, err := os.ReadDir(checkout)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		from, target := filepath.Join(checkout, e.Name()), filepath.Join(to, e.Name())
		switch e.Name() {
		case ".git", "bin", "dist", "topics-data":
			continue
		}
		if e.IsDir() {
			err = os.CopyFS(target, os.DirFS(from))
		} else {
			var content []byte
			content, err = os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(target, content, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
