package main

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// installed are the files of the Debian package beside the program: where each comes
// from in the source, and its mode.
var installed = []struct {
	name, from string
	mode       int64
}{
	{"etc/topics/topics.env", "docs/deploy/debian/topics.env", 0o600},
	{"usr/lib/systemd/system/topics-backup.service", "docs/deploy/systemd/topics-backup.service", 0o644},
	{"usr/lib/systemd/system/topics-backup.timer", "docs/deploy/systemd/topics-backup.timer", 0o644},
	{"usr/lib/systemd/system/topics.service", "docs/deploy/systemd/topics.service", 0o644},
	{"usr/lib/sysusers.d/topics.conf", "docs/deploy/debian/sysusers.conf", 0o644},
	{"usr/share/doc/topics/copyright", "LICENSE", 0o644},
}

// control is the description of the package: version, architecture, KiB on disk.
const control = `Package: topics
Version: %s
Architecture: %s
Maintainer: The authors of topics <https://github.com/e6e95bb8/topics>
Installed-Size: %d
Depends: systemd
Section: database
Priority: optional
Homepage: https://github.com/e6e95bb8/topics
Description: durable topic log server
 Records in topics, with cursors, queues and routers over HTTP. An acknowledged
 write means what its durability class says.
`

// debian writes the package for an architecture.
func (r *release) debian(arch string, program []byte) error {
	files := []entry{{name: "usr/bin/topics", mode: 0o755, text: program}}
	for _, f := range installed {
		text, err := os.ReadFile(filepath.Join(r.source, f.from))
		if err != nil {
			return err
		}
		files = append(files, entry{name: f.name, mode: f.mode, text: text})
	}
	about, err := r.about(arch, files)
	if err != nil {
		return err
	}
	packed := ar{date: r.date.Unix()}
	packed.add("debian-binary", []byte("2.0\n"))
	for _, part := range []struct {
		name    string
		entries []entry
	}{{"control.tar.gz", about}, {"data.tar.gz", tree(files)}} {
		plain, err := tarball(r.date, part.entries)
		if err != nil {
			return err
		}
		text, err := gzipped(plain)
		if err != nil {
			return err
		}
		packed.add(part.name, text)
	}
	return r.write(fmt.Sprintf("topics_%s_%s.deb", r.version, arch), packed.text())
}

// about returns what dpkg reads of a package: its description, the files that are an
// administrator's to change, the checksums and the scripts.
func (r *release) about(arch string, files []entry) ([]entry, error) {
	var size int
	var configured, checksums strings.Builder
	for _, f := range files {
		size += (len(f.text) + 1023) / 1024
		if strings.HasPrefix(f.name, "etc/") {
			fmt.Fprintf(&configured, "/%s\n", f.name)
			continue
		}
		fmt.Fprintf(&checksums, "%x  %s\n", md5.Sum(f.text), f.name)
	}
	about := []entry{
		directory("./"),
		{name: "./control", mode: 0o644, text: fmt.Appendf(nil, control, r.version, arch, size)},
		{name: "./conffiles", mode: 0o644, text: []byte(configured.String())},
		{name: "./md5sums", mode: 0o644, text: []byte(checksums.String())},
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		text, err := os.ReadFile(filepath.Join(r.source, "docs/deploy/debian", script))
		if err != nil {
			return nil, err
		}
		about = append(about, entry{name: "./" + script, mode: 0o755, text: text})
	}
	return about, nil
}

// tree returns files with the directories that they are in, each before what it has.
func tree(files []entry) []entry {
	all := []entry{directory("./")}
	has := map[string]bool{}
	for _, f := range files {
		for i, c := range f.name {
			dir := "./" + f.name[:i] + "/"
			if c != '/' || has[dir] {
				continue
			}
			has[dir] = true
			all = append(all, directory(dir))
		}
		f.name = "./" + f.name
		all = append(all, f)
	}
	return all
}

// ar is an archive in the form of ar(1), as a Debian package is one.
type ar struct {
	date int64 // of every file, in seconds
	buf  bytes.Buffer
}

func (a *ar) add(name string, text []byte) {
	fmt.Fprintf(&a.buf, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, a.date, 0, 0, "100644", len(text))
	a.buf.Write(text)
	if len(text)%2 == 1 {
		a.buf.WriteByte('\n')
	}
}

func (a *ar) text() []byte { return append([]byte("!<arch>\n"), a.buf.Bytes()...) }
