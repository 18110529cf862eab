package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// entry is a file of an archive, or a directory, whose name ends with a slash.
type entry struct {
	name  string
	mode  int64
	text  []byte
	owner int // uid and gid
}

func directory(name string) entry { return entry{name: name, mode: 0o755} }

// tarball returns an archive of entries with one time, not compressed.
func tarball(date time.Time, entries []entry) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.text)), ModTime: date, Uid: e.owner, Gid: e.owner, Format: tar.FormatUSTAR,
		}
		if strings.HasSuffix(e.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		err := w.WriteHeader(header)
		if err != nil {
			return nil, err
		}
		_, err = w.Write(e.text)
		if err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buf.Bytes(), err
}

// gzipped returns a text compressed, without a name or a time.
func gzipped(text []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(text)
	if err != nil {
		return nil, err
	}
	err = w.Close()
	return buf.Bytes(), err
}

// writeTar writes a compressed archive into the directory of the results.
func (r *release) writeTar(name string, entries []entry) error {
	plain, err := tarball(r.date, entries)
	if err != nil {
		return err
	}
	packed, err := gzipped(plain)
	if err != nil {
		return err
	}
	return r.write(name, packed)
}

// writeZip writes an archive for Windows into the directory of the results.
func (r *release) writeZip(name string, entries []entry) error {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: r.date.UTC()}
		header.SetMode(os.FileMode(e.mode))
		f, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = f.Write(e.text)
		if err != nil {
			return err
		}
	}
	err := w.Close()
	if err != nil {
		return err
	}
	return r.write(name, buf.Bytes())
}

func (r *release) write(name string, text []byte) error {
	return os.WriteFile(filepath.Join(r.to, name), text, 0o644)
}

// sums is the name of the file of checksums, as sha256sum -c reads it.
const sums = "SHA256SUMS"

// sum writes the checksums of all results.
func (r *release) sum() error {
	entries, err := os.ReadDir(r.to)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(r.to, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(text), e.Name())
	}
	return r.write(sums, []byte(lines.String()))
}
