package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// apiFolder is the folder of the API, with the document and the clients.
var apiFolder = filepath.Join("..", "..", "..", "api")

// compiled returns a copy of the client in TypeScript that is compiled, with the
// examples of its page and the document beside it.
func compiled(t *testing.T) string {
	t.Helper()
	installed(t, "node")
	tree := filepath.Join(apiFolder, "client", "typescript")
	tsc, err := exec.LookPath(filepath.Join(tree, "node_modules", ".bin", "tsc"))
	if err != nil {
		tsc = installed(t, "tsc")
	}
	root := t.TempDir()
	dir := filepath.Join(root, "client", "typescript")
	for _, part := range []string{"src", "scripts", "tests"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(tree, part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"client/typescript/package.json", "client/typescript/tsconfig.json", "client/typescript/README.md", "openapi/openapi.json"} {
		text, err := os.ReadFile(filepath.Join(apiFolder, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		written(t, filepath.Dir(to), filepath.Base(to), string(text))
	}
	examples := filepath.Join(dir, "examples")
	if err := os.Mkdir(examples, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, example := range fenced(t, filepath.Join(tree, "README.md"), "ts") {
		written(t, examples, fmt.Sprintf("%d.ts", i), example)
	}
	for _, project := range []string{".", filepath.Join("tests", "examples.json")} {
		succeed(t, in(dir, exec.Command(tsc, "--project", project)))
	}
	return dir
}

// in lets a command run in a folder.
func in(dir string, cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = dir
	return cmd
}

// The client in TypeScript compiles strictly, passes its own tests with the real
// binary, does what its page says, can be packed and installed without a network,
// and keeps every promise while the server is killed.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	dir := compiled(t)
	t.Run("tests", func(t *testing.T) {
		tests, err := filepath.Glob(filepath.Join(dir, "tests", "*.test.js"))
		if err != nil || len(tests) < 3 {
			t.Fatal(tests, err)
		}
		cmd := in(dir, exec.Command("node", append([]string{"--test"}, tests...)...))
		cmd.Env = append(os.Environ(), "TOPICS_TEST_URL="+serve(t, t.TempDir()).ready().url())
		if out := succeed(t, cmd); !strings.Contains(out, "skipped 0\n") {
			t.Errorf("it printed %s", out)
		}
	})
	t.Run("examples", func(t *testing.T) {
		server := serve(t, t.TempDir()).ready()
		examples, err := filepath.Glob(filepath.Join(dir, "examples", "out", "*.js"))
		if err != nil || len(examples) < 5 {
			t.Fatal(examples, err)
		}
		for _, name := range examples {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			written(t, filepath.Dir(name), filepath.Base(name), strings.ReplaceAll(string(text), "http://127.0.0.1:4000", server.url()))
			if out := succeed(t, exec.Command("node", name)); out == "" {
				t.Errorf("%s prints nothing", filepath.Base(name))
			}
		}
	})
	t.Run("package", func(t *testing.T) {
		npm, project := installed(t, "npm"), t.TempDir()
		succeed(t, in(dir, exec.Command(npm, "pack", "--ignore-scripts", "--pack-destination", project)))
		succeed(t, in(project, exec.Command(npm, "install", "--offline", "--no-audit", "--no-fund", "./topics-client-0.1.0.tgz")))
		use := exec.Command("node", "--input-type=module", "--eval", `import { Client } from "topics-client"; console.log(typeof Client)`)
		if out := succeed(t, in(project, use)); out != "function\n" {
			t.Errorf("it printed %s", out)
		}
		at := filepath.Join(project, "node_modules", "topics-client")
		if _, err := os.Stat(filepath.Join(at, "dist", "index.d.ts")); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(at, "tests")); err == nil {
			t.Error("the package has the tests")
		}
	})
	t.Run("drill", func(t *testing.T) {
		runForeignDrill(t, func(url string) *exec.Cmd {
			return in(dir, exec.Command("node", filepath.Join("tests", "drill.js"), url))
		})
	})
}
