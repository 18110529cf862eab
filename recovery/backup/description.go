// Package backup copies a data directory, whether or not a server is using it,
// and restores such copies: to the state at the time of the copy, or, with log
// files archived since, to any later time.
//
// A backup is a directory, or a tar of one while it is transferred. It has the
// files of one checkpoint and the log from there on, under the names that they
// have in a data directory, and a description that lists them. The description
// is written last: a directory without one is not a backup.
package backup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
)

// Name is the base name of the description.
const Name = recovery.BackupName

// Version is the version of the format that this package reads and writes.
const Version = 1

// maxDescription bounds the description that is read into memory, in bytes.
const maxDescription = 64 << 20

// Description lists the contents of a backup. It is stored as JSON, followed by
// a line with the XXH3 of the JSON in hexadecimal.
type Description struct {
	Version uint32    `json:"version"`
	Time    time.Time `json:"time"` // start of the backup
	LogID   uint64    `json:"log_id"`
	// BootID and CleanShutdown are from the manifest, if the directory was not in
	// use by a server.
	BootID        string `json:"boot_id,omitempty"`
	CleanShutdown bool   `json:"clean_shutdown"`

	Checkpoint *manifest.Checkpoint `json:"checkpoint,omitempty"` // nil if the backup has the whole log
	StartLSN   wal.LSN              `json:"start_lsn"`            // start of the part of the log that is needed
	EndLSN     wal.LSN              `json:"end_lsn"`              // end of the log
	Files      []File               `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name string `json:"name"` // relative path, with forward slashes
	Size int64  `json:"size"`
	Sum  Sum    `json:"xxh3"`
}

// Sum is an XXH3. Its text form has 16 hexadecimal digits.
type Sum uint64

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(s)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sum) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 16, 64)
	if err != nil || len(b) != 16 {
		return fmt.Errorf("%.20q is not a checksum", b)
	}
	*s = Sum(n)
	return nil
}

func (d *Description) encode() ([]byte, error) {
	b, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding the description: %w", err)
	}
	return sealed(b), nil
}

func sealed(json []byte) []byte { return fmt.Appendf(json, "\n%016x\n", xxh3.Hash(json)) }

// decode is the inverse of encode. A description that it returns is consistent:
// it lists the files that its checkpoint needs.
func decode(b []byte) (*Description, error) {
	const tail = 18 // line end, sum, line end
	if len(b) < tail || b[len(b)-1] != '\n' || b[len(b)-tail] != '\n' {
		return nil, fmt.Errorf("%s is truncated or is not a description", Name)
	}
	body := b[:len(b)-tail]
	var sum Sum
	if err := sum.UnmarshalText(b[len(b)-tail+1 : len(b)-1]); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", Name, err)
	}
	if got := Sum(xxh3.Hash(body)); got != sum {
		return nil, fmt.Errorf("%s is damaged: checksum %016x, stored %016x", Name, uint64(got), uint64(sum))
	}
	var format struct {
		Version uint32 `json:"version"`
	}
	if err := json.Unmarshal(body, &format); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	if format.Version != Version {
		return nil, &manifest.VersionError{File: Name, Version: format.Version, Known: Version}
	}
	d := new(Description)
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	return d, nil
}

// check verifies that the files are those of the checkpoint, in order, followed
// by those of the log.
func (d *Description) check() error {
	var stored []manifest.StoredFile
	first, start := uint64(1), wal.LSN(0)
	if c := d.Checkpoint; c != nil {
		first, start = c.File, wal.LSN(c.Start)
		stored = c.Stored("", "")
		for _, s := range c.Segments {
			if s.Cold {
				return fmt.Errorf("segment %016x is listed as cold, which no segment of a backup is", s.ID)
			}
		}
	}
	if d.StartLSN != start || d.EndLSN < start || len(d.Files) < len(stored) {
		return fmt.Errorf("it begins at lsn %d, ends at %d and has %d files, which is not a backup", d.StartLSN, d.EndLSN, len(d.Files))
	}
	for i, f := range d.Files {
		want := path.Join(manifest.LogDir, wal.FileName(first+uint64(i-len(stored))))
		if i < len(stored) {
			want = stored[i].Name
		}
		if f.Name != want || f.Size < 0 {
			return fmt.Errorf("it lists %.100q of %d bytes where %s belongs", f.Name, f.Size, want)
		}
	}
	if logs := d.logs(); len(logs) == 0 && d.EndLSN > 0 {
		return fmt.Errorf("it lists no log file")
	}
	return nil
}

// logs returns the files of the log.
func (d *Description) logs() []File {
	for i, f := range d.Files {
		if strings.HasPrefix(f.Name, manifest.LogDir+"/") {
			return d.Files[i:]
		}
	}
	return nil
}

// Bytes returns the total size of the files.
func (d *Description) Bytes() (n int64) {
	for _, f := range d.Files {
		n += f.Size
	}
	return n
}
