package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pythonClient is the folder of the client in Python.
var pythonClient = filepath.Join("..", "..", "..", "api", "client", "python")

// python returns a command that finds the client where its source is.
func python(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(installed(t, "python3"), args...)
	cmd.Dir = pythonClient
	cmd.Env = append(os.Environ(), "PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1")
	return cmd
}

// succeed runs a program to its end and returns what it printed.
func succeed(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// pythonHas skips the test if Python does not have some modules. In CI it fails.
func pythonHas(t *testing.T, modules string) {
	t.Helper()
	err := python(t, "-c", "import "+modules).Run()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("Python has not all of %s: .ci/run installs them", modules)
	default:
		t.Skipf("Python has not all of %s", modules)
	}
}

// The client's own tests pass: every method does with the real server what it
// says, and is what the OpenAPI document says.
func TestPythonClient(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	cmd := python(t, "-W", "error", "-m", "unittest", "discover", "-s", "tests")
	cmd.Env = append(cmd.Env, "TOPICS_TEST_URL="+server.url())
	if out := succeed(t, cmd); strings.Contains(out, "skipped") || !strings.Contains(out, "\nOK") {
		t.Errorf("it printed %s", out)
	}
}

// The client in Python keeps every promise while the server is killed.
func TestPythonDrill(t *testing.T) {
	t.Parallel()
	runForeignDrill(t, func(url string) *exec.Cmd { return python(t, filepath.Join("tests", "drill.py"), url) })
}

// The examples of the client's page run, in their order, with one server.
func TestPythonExamples(t *testing.T) {
	t.Parallel()
	server := serve(t, t.TempDir()).ready()
	examples := fenced(t, filepath.Join(pythonClient, "README.md"), "python")
	if len(examples) < 5 {
		t.Fatalf("the page has %d examples", len(examples))
	}
	for i, example := range examples {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			out := succeed(t, python(t, "-c", strings.ReplaceAll(example, "http://127.0.0.1:4000", server.url())))
			if out == "" {
				t.Errorf("it prints nothing:\n%s", example)
			}
		})
	}
}

// The client passes mypy --strict, and so do the examples, which use it.
func TestPythonTypes(t *testing.T) {
	pythonHas(t, "mypy")
	dir := t.TempDir()
	args := []string{"-m", "mypy", "--cache-dir", dir, "topics_client"}
	for i, example := range fenced(t, filepath.Join(pythonClient, "README.md"), "python") {
		args = append(args, written(t, dir, fmt.Sprintf("example%d.py", i), example))
	}
	succeed(t, python(t, append(args[:4:4], append([]string{"--strict"}, args[4:]...)...)...))
}

// A wheel is built from the tree and installed without a network. It has the
// package with its types, and no more.
func TestPythonWheel(t *testing.T) {
	pythonHas(t, "setuptools, wheel, pip")
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "source"), os.DirFS(pythonClient)); err != nil {
		t.Fatal(err)
	}
	pip := []string{"-m", "pip", "--quiet", "--disable-pip-version-check"}
	wheels := filepath.Join(dir, "wheels")
	succeed(t, python(t, append(pip, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels,
		filepath.Join(dir, "source"))...))
	lib := filepath.Join(dir, "lib")
	succeed(t, python(t, append(pip, "install", "--no-index", "--target", lib, "--find-links", wheels, "topics-client")...))
	use := python(t, "-c", "import topics_client, sys; print(topics_client.__file__)")
	use.Dir = dir
	use.Env = append(use.Env, "PYTHONPATH="+lib)
	if at := succeed(t, use); !strings.HasPrefix(at, lib) {
		t.Errorf("the package is %s", at)
	}
	if _, err := os.Stat(filepath.Join(lib, "topics_client", "py.typed")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(lib, "tests")); err == nil {
		t.Error("the wheel has the tests")
	}
}

// fenced returns the blocks of code of a page that are in a language.
func fenced(t *testing.T, page, language string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		blocks = append(blocks, block+"\n")
	}
	return blocks
}
