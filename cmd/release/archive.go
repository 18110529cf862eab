package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// archive is what an archive has: files in one directory, in their order, with one
// time and no owner.
type archive struct {
	top   string
	date  time.Time
	files []string // the first is the program
}

func (a *archive) mode(i int) int64 {
	if i == 0 {
		return 0o755
	}
	return 0o644
}

func (a *archive) tar(name string) error {
	var buf bytes.Buffer
	packed := gzip.NewWriter(&buf)
	w := tar.NewWriter(packed)
	for i, file := range a.files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		header := &tar.Header{
			Name: path.Join(a.top, filepath.Base(file)), Mode: a.mode(i), Size: int64(len(text)), ModTime: a.date, Format: tar.FormatPAX,
		}
		err = w.WriteHeader(header)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		if err != nil {
			return err
		}
	}
	err := w.Close()
	if err != nil {
		return err
	}
	err = packed.Close()
	if err != nil {
		return err
	}
	return os.WriteFile(name, buf.Bytes(), 0o644)
}

func (a *archive) zip(name string) error {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i, file := range a.files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: path.Join(a.top, filepath.Base(file)), Method: zip.Deflate, Modified: a.date.UTC()}
		header.SetMode(os.FileMode(a.mode(i)))
		f, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		if err != nil {
			return err
		}
	}
	err := w.Close()
	if err != nil {
		return err
	}
	return os.WriteFile(name, buf.Bytes(), 0o644)
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
	return os.WriteFile(filepath.Join(r.to, sums), []byte(lines.String()), 0o644)
}
