package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	root   = "../.."
	commit = "0123456789abcdef0123456789abcdef01234567"
	date   = "2026-01-31T12:00:00+01:00"
)

// builds names the platforms for which TestSameBytes builds the program, which takes minutes
// with an empty cache.
var builds = flag.String("builds", "", "platforms to build the program for, such as linux/amd64,windows/amd64")

// TestSameBytes: two copies of the source, in two directories, make the same release.
func TestSameBytes(t *testing.T) {
	if *builds == "" {
		t.Skip("needs -builds")
	}
	of := strings.Split(*builds, ",")
	var made [2]string
	for i, source := range []string{root, copyOf(t, root)} {
		made[i] = filepath.Join(t.TempDir(), "dist")
		err := run(of, release{source: source, to: made[i], commit: commit}, date)
		if err != nil {
			t.Fatal(err)
		}
	}
	first, second := content(t, made[0]), content(t, made[1])
	want := 2*len(of) + 1 // archives, lists and the sums
	linux := strings.Count(*builds, "linux/")
	if linux > 0 {
		want += linux + 1 // packages and the image
	}
	if len(first) != want || len(second) != want {
		t.Fatalf("%d and %d files, want %d", len(first), len(second), want)
	}
	for name, text := range first {
		if second[name] != text {
			t.Errorf("%s differs", name)
		}
		if name != sums && !strings.Contains(first[sums], fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(text)), name)) {
			t.Errorf("%s is not in %s", name, sums)
		}
	}
	version, err := versionOf(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range of {
		base := filepath.Join(made[0], "topics_"+version+"_"+strings.ReplaceAll(p, "/", "_"))
		lists(t, base+".cdx.json")
		switch {
		case strings.HasPrefix(p, "windows/"):
			zipped(t, base+".zip")
		case p == runtime.GOOS+"/"+runtime.GOARCH:
			runs(t, base+".tar.gz", version)
		}
	}
}

// zipped checks what is in an archive for Windows.
func zipped(t *testing.T, archive string) {
	r, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := r.File[0].Name; filepath.Base(got) != "topics.exe" || len(r.File) != 4 {
		t.Errorf("%s and %d files", got, len(r.File))
	}
}

// runs takes the program out of an archive and runs it.
func runs(t *testing.T, archive, version string) {
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "topics")
	files := tar.NewReader(unpacked)
	var names []string
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(h.Name))
		if want, _ := time.Parse(time.RFC3339, date); !h.ModTime.Equal(want) || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%+v", h)
		}
		if len(names) > 1 {
			continue
		}
		text, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(program, text, os.FileMode(h.Mode))
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(names, []string{"topics", "LICENSE", "README.md", "CHANGELOG.md"}) {
		t.Errorf("%s has %q", archive, names)
	}
	out, err := exec.Command(program, "version").CombinedOutput()
	if want := fmt.Sprintf("topics %s (%s, %s)", version, commit[:12], date); err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}

// lists holds the bill of materials against go.mod.
func lists(t *testing.T, name string) {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var got bom
	err = json.Unmarshal(text, &got)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got.Components {
		if c.Name != "std" && !strings.Contains(string(mod), c.Name+" "+c.Version) {
			t.Errorf("%s %s is not in go.mod", c.Name, c.Version)
		}
	}
	if len(got.Components) < 10 || got.Metadata.Component.Properties[0].Value != commit {
		t.Errorf("%s", text)
	}
}

// copyOf copies the source of a module.
func copyOf(t *testing.T, source string) string {
	to := filepath.Join(t.TempDir(), "copy")
	for _, name := range []string{"go.mod", "go.sum", "LICENSE", "README.md", "CHANGELOG.md", "api", "cmd", "docs", "queue", "recovery", "topics", "wal"} {
		from := filepath.Join(source, name)
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			err = os.CopyFS(filepath.Join(to, name), os.DirFS(from))
		} else {
			err = copyFile(from, filepath.Join(to, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(to), 0o755)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

func content(t *testing.T, dir string) map[string]string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

// TestRefusals: what a release cannot be made of is said before anything is built.
func TestRefusals(t *testing.T) {
	full := t.TempDir()
	err := os.WriteFile(filepath.Join(full, "file"), nil, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		platforms []string
		to, date  string
		want      string
	}{
		{nil, "", date, "no platforms"},
		{[]string{"linux/amd64"}, "", "today", "-date"},
		{[]string{"linux/amd64"}, full, date, "not empty"},
		{[]string{"linux"}, filepath.Join(t.TempDir(), "dist"), date, "no platform"},
	} {
		err := run(test.platforms, release{source: root, to: test.to}, test.date)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
