package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Read reads the description of a backup.
func Read(fsys vfs.FS, dir string) (*Description, error) {
	name := path.Join(dir, Name)
	f, err := fsys.OpenRead(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notBackup(fsys, dir)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxDescription+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	d, err := decode(b)
	if err != nil {
		return nil, &DescriptionError{dir, err}
	}
	return d, nil
}

// notBackup returns an error for a directory without a description.
func notBackup(fsys vfs.FS, dir string) error {
	kind, err := recovery.Examine(fsys, dir)
	if err == nil {
		err = kind.Require(recovery.Backup)
	}
	return fmt.Errorf("%s has no %s, so it is not a backup or was never finished: %w", dir, Name, err)
}

// Fault is a file of a backup that differs from the description.
type Fault struct {
	File  string `json:"file"` // path
	Cause string `json:"cause"`
}

func (f Fault) String() string { return f.File + ": " + f.Cause }

// Report is the result of Verify.
type Report struct {
	Dir    string  `json:"dir"`
	Files  int     `json:"files"`
	Bytes  int64   `json:"bytes"`
	EndLSN wal.LSN `json:"end_lsn"`
	Faults []Fault `json:"faults"`

	Time time.Time `json:"time,omitzero"` // start of the backup, if its description can be read
}

// Verify checks the description of a backup and the checksums of all of its
// files. Damage is returned in the report; an error means that the check could
// not be carried out.
func Verify(ctx context.Context, fsys vfs.FS, dir string) (*Report, error) {
	r := &Report{Dir: dir, Faults: []Fault{}}
	d, err := Read(fsys, dir)
	bad, newer := new(DescriptionError), new(manifest.VersionError)
	if errors.As(err, &bad) && !errors.As(err, &newer) {
		r.Faults = append(r.Faults, Fault{path.Join(dir, Name), bad.Err.Error()})
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.Files, r.Bytes, r.EndLSN, r.Time = len(d.Files), d.Bytes(), d.EndLSN, d.Time
	for _, f := range d.Files {
		name := path.Join(dir, f.Name)
		err := verifyFile(ctx, fsys, name, f)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			r.Faults = append(r.Faults, Fault{name, err.Error()})
		}
	}
	return r, nil
}

// DescriptionError means that the description of a backup is damaged.
type DescriptionError struct {
	Dir string
	Err error
}

func (e *DescriptionError) Error() string { return e.Dir + ": " + e.Err.Error() }
func (e *DescriptionError) Unwrap() error { return e.Err }

// verify returns an error unless all files of a backup agree with the
// description.
func verify(ctx context.Context, fsys vfs.FS, dir string, d *Description) error {
	for _, f := range d.Files {
		if err := verifyFile(ctx, fsys, path.Join(dir, f.Name), f); err != nil {
			return fmt.Errorf("the backup is damaged: %s: %w", f.Name, err)
		}
	}
	return nil
}

func verifyFile(ctx context.Context, fsys vfs.FS, name string, f File) error {
	in, err := fsys.OpenRead(name)
	if err != nil {
		return err
	}
	defer in.Close()
	size, err := in.Size()
	if err != nil {
		return err
	}
	if size != f.Size {
		return fmt.Errorf("it has %d bytes instead of %d", size, f.Size)
	}
	sum := xxh3.New()
	if err := copyRange(ctx, sum, io.NewSectionReader(in, 0, size), size, yield); err != nil {
		return err
	}
	if got := Sum(sum.Sum64()); got != f.Sum {
		return fmt.Errorf("its checksum is %016x instead of %016x", uint64(got), uint64(f.Sum))
	}
	return nil
}
