package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// packaged makes the Debian package of a program, and returns its name.
func packaged(t *testing.T, program string) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339, date)
	if err != nil {
		t.Fatal(err)
	}
	r := release{source: root, to: t.TempDir(), version: "0.1.0", date: at}
	err = r.debian("amd64", []byte(program))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(r.to, "topics_0.1.0_amd64.deb")
}

// dpkg runs a program of Debian's package manager. Without it the test is skipped, but
// CI is on Debian.
func dpkg(t *testing.T, name string, args ...string) string {
	t.Helper()
	_, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestDebianPackage: dpkg reads the package, and what it lists is what is meant.
func TestDebianPackage(t *testing.T) {
	name := packaged(t, "#!/bin/sh\n")
	about := dpkg(t, "dpkg-deb", "--info", name)
	for _, want := range []string{"Package: topics\n", "Version: 0.1.0\n", "Architecture: amd64\n", "Depends: systemd\n", "conffiles", "postinst", "prerm", "postrm"} {
		if !strings.Contains(about, want) {
			t.Errorf("no %q in:\n%s", want, about)
		}
	}
	content := dpkg(t, "dpkg-deb", "--contents", name)
	for _, want := range []string{
		"-rwxr-xr-x 0/0", "./usr/bin/topics\n", "-rw------- 0/0", "./etc/topics/topics.env\n",
		"./usr/lib/systemd/system/topics.service\n", "./usr/lib/sysusers.d/topics.conf\n",
	} {
		if !strings.Contains(content, want) {
			t.Errorf("no %q in:\n%s", want, content)
		}
	}
}

// TestDebianSettings: what the configuration proposes are settings that exist.
func TestDebianSettings(t *testing.T) {
	proposed, err := os.ReadFile(filepath.Join(root, "docs/deploy/debian/topics.env"))
	if err != nil {
		t.Fatal(err)
	}
	known, err := os.ReadFile(filepath.Join(root, "docs/configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^#?(TOPICS_\w+)=`).FindAllSubmatch(proposed, -1)
	if len(names) == 0 {
		t.Errorf("no settings in:\n%s", proposed)
	}
	for _, name := range names {
		if !bytes.Contains(known, append([]byte("| `"), append(name[1], '`')...)) {
			t.Errorf("%s is no setting", name[1])
		}
	}
}

// TestDebianInstalls installs the package into a root of its own, again over a changed
// configuration, and removes it: the user exists, the configuration stays until a
// purge, and the data stays.
func TestDebianInstalls(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	into := t.TempDir()
	for _, dir := range []string{"etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"} {
		err := os.MkdirAll(filepath.Join(into, dir), 0o755)
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available"} {
		err := os.WriteFile(filepath.Join(into, "var/lib/dpkg", file), nil, 0o644)
		if err != nil {
			t.Fatal(err)
		}
	}
	manage := func(args ...string) string {
		t.Helper()
		return dpkg(t, "dpkg", append([]string{"--root=" + into, "--force-script-chrootless", "--force-depends", "--log=" + filepath.Join(into, "log")}, args...)...)
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(into, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}

	manage("--install", packaged(t, "#!/bin/sh\necho first\n"))
	if got := read("etc/passwd"); !strings.Contains(got, "topics:") || !strings.Contains(got, ":/var/lib/topics:") {
		t.Errorf("users: %s", got)
	}
	if got := dpkg(t, filepath.Join(into, "usr/bin/topics")); got != "first\n" {
		t.Errorf("the program prints %q", got)
	}
	config := filepath.Join(into, "etc/topics/topics.env")
	for name, mode := range map[string]os.FileMode{config: 0o600, filepath.Join(into, "usr/bin/topics"): 0o755} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != mode {
			t.Errorf("%v %v, want %v", info, err, mode)
		}
	}

	err := os.WriteFile(config, []byte("TOPICS_PORT=4001\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	manage("--install", packaged(t, "#!/bin/sh\necho second\n"))
	if got := read("etc/topics/topics.env"); got != "TOPICS_PORT=4001\n" {
		t.Errorf("an upgrade made the configuration %q", got)
	}
	if got := dpkg(t, filepath.Join(into, "usr/bin/topics")); got != "second\n" {
		t.Errorf("the program prints %q", got)
	}

	data := filepath.Join(into, "var/lib/topics/data")
	err = os.MkdirAll(data, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	manage("--remove", "topics")
	if got := read("etc/topics/topics.env"); got != "TOPICS_PORT=4001\n" {
		t.Errorf("a removal made the configuration %q", got)
	}
	out := manage("--purge", "topics")
	if !strings.Contains(out, "the data stays in /var/lib/topics") {
		t.Errorf("a purge prints:\n%s", out)
	}
	_, err = os.Stat(data)
	if err != nil {
		t.Errorf("a purge took the data: %v", err)
	}
	_, err = os.Stat(config)
	if err == nil {
		t.Error("a purge left the configuration")
	}
}
