// Command release makes what is published of a release: for each platform an archive
// of the binary and a list of what it was built from, for Linux also Debian packages and
// a container image, and the checksums of all. The
// same source and the same Go make the same bytes, wherever and whenever.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// platforms are what a release is for, unless arguments name others.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// release is one run.
type release struct {
	source  string // root of the module
	to      string // directory of the results
	version string
	commit  string
	date    time.Time // of the commit, and of every file in the archives
	image   image
}

func main() {
	commit := flag.String("commit", "", "full hash of the commit")
	date := flag.String("date", "", "time of the commit, RFC 3339")
	to := flag.String("to", "dist", "directory of the results; it must be empty or not exist")
	flag.Parse()
	of := flag.Args()
	if len(of) == 0 {
		of = platforms
	}
	err := run(of, release{source: ".", to: *to, commit: *commit}, *date)
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(of []string, r release, date string) error {
	if len(of) == 0 {
		return errors.New("no platforms; name some, such as linux/amd64")
	}
	var err error
	r.date, err = time.Parse(time.RFC3339, date)
	if err != nil {
		return fmt.Errorf("-date is the time of a commit, such as 2026-01-31T12:00:00Z: %w", err)
	}
	r.version, err = versionOf(r.source)
	if err != nil {
		return err
	}
	there, err := os.ReadDir(r.to)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("%s is not empty; remove it first", r.to)
	}
	err = os.MkdirAll(r.to, 0o755)
	if err != nil {
		return err
	}
	r.image = image{date: r.date, version: r.version, commit: r.commit}
	for _, p := range of {
		system, arch, ok := strings.Cut(p, "/")
		if !ok {
			return fmt.Errorf("%q is no platform, such as linux/amd64", p)
		}
		err = r.publish(system, arch)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	err = r.contain()
	if err != nil {
		return err
	}
	return r.sum()
}

var versionLine = regexp.MustCompile(`(?m)^const version = "([^"]+)"$`)

// versionOf returns the release that a source becomes.
func versionOf(source string) (string, error) {
	name := filepath.Join(source, "cmd/topics/version.go")
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	found := versionLine.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s has no version", name)
	}
	return string(found[1]), nil
}

// publish makes the archive of a platform and the list of what is in its binary, and what
// else there is for Linux.
func (r *release) publish(system, arch string) error {
	dir, err := os.MkdirTemp("", "topics-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "topics")
	if system == "windows" {
		binary += ".exe"
	}
	err = r.build(binary, system, arch)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("topics_%s_%s_%s", r.version, system, arch)
	entries := []entry{{name: path.Join(name, filepath.Base(binary)), mode: 0o755, text: program}}
	for _, file := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		text, err := os.ReadFile(filepath.Join(r.source, file))
		if err != nil {
			return err
		}
		entries = append(entries, entry{name: path.Join(name, file), mode: 0o644, text: text})
	}
	write, ending := r.writeTar, ".tar.gz"
	if system == "windows" {
		write, ending = r.writeZip, ".zip"
	}
	err = write(name+ending, entries)
	if err != nil {
		return err
	}
	err = r.list(binary, name+".cdx.json")
	if err != nil || system != "linux" {
		return err
	}
	err = r.image.add(arch, program)
	if err != nil {
		return err
	}
	return r.debian(arch, program)
}

// contain writes the container image, if the release has a program for Linux.
func (r *release) contain() error {
	if len(r.image.manifests) == 0 {
		return nil
	}
	text, err := r.image.layout()
	if err != nil {
		return err
	}
	return r.write(fmt.Sprintf("topics_%s_oci.tar", r.version), text)
}

// build builds the binary. What it has of commit and date comes from the flags alone:
// the source may be an archive without a repository.
func (r *release) build(binary, system, arch string) error {
	flags := fmt.Sprintf("-s -w -buildid= -X main.commit=%s -X main.date=%s", r.commit, r.date.Format(time.RFC3339))
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", binary, "./cmd/topics")
	cmd.Dir = r.source
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}
