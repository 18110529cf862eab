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

// builds has TestSameBytes build the program twice without a cache of its objects, which
// takes minutes.
var builds = flag.Bool("builds", false, "build the program twice")

// TestSameBytes: two copies of the source, in two directories, make the same release.
func TestSameBytes(t *testing.T) {
	if !*builds {
		t.Skip("needs -builds")
	}
	platforms := []string{runtime.GOOS + "/" + runtime.GOARCH, "windows/amd64"}
	var made [2]string
	for i, source := range []string{root, copyOf(t, root)} {
		made[i] = filepath.Join(t.TempDir(), "dist")
		err := run(platforms, release{source: source, to: made[i], commit: commit}, date)
		if err != nil {
			t.Fatal(err)
		}
	}
	first, second := content(t, made[0]), content(t, made[1])
	if len(first) != 5 || len(second) != 5 {
		t.Fatalf("%d and %d files, want 2 archives, 2 lists and the sums", len(first), len(second))
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
	base := filepath.Join(made[0], "topics_"+version+"_")
	host := base + runtime.GOOS + "_" + runtime.GOARCH
	runs(t, host+".tar.gz", version)
	lists(t, host+".cdx.json")
	windows, err := zip.OpenReader(base + "windows_amd64.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer windows.Close()
	if got := windows.File[0].Name; filepath.Base(got) != "topics.exe" || len(windows.File) != 4 {
		t.Errorf("%s and %d files", got, len(windows.File))
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
