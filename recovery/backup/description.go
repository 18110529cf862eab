// Package backup copies a data directory, while it is served or while it is
// not, and makes a data directory of such a copy again: as it was at the copy,
// or, with the log files that were archived since, at any moment after it.
//
// A backup is a directory, or a tar of it on its way, with the files of one
// checkpoint and the log behind it, each under the name that it has in a data
// directory, and a description that lists them all. The description comes
// last: what has none is not a backup.
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
	"github.com/e6e95bb8/topics/wal"
)

// Name is the base name of the description.
const Name = recovery.BackupName

// Version is the version of the format that this code writes and reads.
const Version = 1

// maxDescription bounds what a foreign file can make us read into memory.
const maxDescription = 64 << 20

// Description says what a backup holds. It is JSON, and behind that a line
// with the XXH3 of the JSON in hexadecimal.
type Description struct {
	Version uint32    `json:"version"`
	Time    time.Time `json:"time"` // when it was begun
	LogID   uint64    `json:"log_id"`
	// BootID and CleanShutdown are those of the manifest of a directory that
	// was not served.
	BootID        string `json:"boot_id,omitempty"`
	CleanShutdown bool   `json:"clean_shutdown"`

	Checkpoint *recovery.Checkpoint `json:"checkpoint,omitempty"` // none: the log is there from its beginning
	StartLSN   wal.LSN              `json:"start_lsn"`            // from where on the log is needed
	EndLSN     wal.LSN              `json:"end_lsn"`              // where it ends
	Files      []File               `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name string `json:"name"` // with forward slashes
	Size int64  `json:"size"`
	Sum  Sum    `json:"xxh3"`
}

// Sum is an XXH3, in text 16 hexadecimal digits.
type Sum uint64

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(s)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sum) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 16, 64)
	if err != nil || len(b) != 16 {
		return fmt.Errorf("%.20q is no checksum", b)
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

// decode is encode's inverse. A description that it returns is consistent:
// its files are those that its checkpoint needs.
func decode(b []byte) (*Description, error) {
	const tail = 18 // line end, sum, line end
	if len(b) < tail || b[len(b)-1] != '\n' || b[len(b)-tail] != '\n' {
		return nil, fmt.Errorf("%s is cut or is none", Name)
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
		return nil, &recovery.VersionError{File: Name, Version: format.Version, Known: Version}
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

// check holds that the files are the checkpoint's, in order, then the log's.
func (d *Description) check() error {
	var stored []recovery.StoredFile
	first, start := uint64(1), wal.LSN(0)
	if c := d.Checkpoint; c != nil {
		first, start = c.File, wal.LSN(c.Start)
		stored = c.Stored("", "")
		for _, s := range c.Segments {
			if s.Cold {
				return fmt.Errorf("segment %016x is said to be elsewhere", s.ID)
			}
		}
	}
	if d.StartLSN != start || d.EndLSN < start || len(d.Files) < len(stored) {
		return fmt.Errorf("it begins at lsn %d, ends at %d and has %d files: that is no backup", d.StartLSN, d.EndLSN, len(d.Files))
	}
	for i, f := range d.Files {
		want := path.Join(recovery.LogDir, wal.FileName(first+uint64(i-len(stored))))
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

// logs are the log's files.
func (d *Description) logs() []File {
	for i, f := range d.Files {
		if strings.HasPrefix(f.Name, recovery.LogDir+"/") {
			return d.Files[i:]
		}
	}
	return nil
}

// Bytes is the size of all files.
func (d *Description) Bytes() (n int64) {
	for _, f := range d.Files {
		n += f.Size
	}
	return n
}
