package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// OwnerName is the file in a cold directory that names its owner.
const OwnerName = "OWNER"

// Owner identifies the data directory that a cold directory belongs to. OWNER
// has two lines of 16 hex digits: the instance and the generation. A copy of a
// data directory has the instance of the original; the generation distinguishes
// the two once one of them has gone on. The zero Owner is that of a cold
// directory that belongs to none. Programs without generations wrote 0.
type Owner struct {
	Instance   uint64
	Generation uint64
}

// ReadOwner returns the owner of a cold directory.
func ReadOwner(fsys vfs.FS, dir string) (Owner, error) {
	name := path.Join(dir, OwnerName)
	b, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return Owner{}, nil
	}
	if err != nil {
		return Owner{}, fmt.Errorf("reading %s: %w", name, err)
	}
	var o Owner
	if err := o.decode(b); err != nil {
		return Owner{}, &OwnerError{File: name, Cause: fmt.Sprintf("is damaged: %v: remove it if no other data directory has the cold directory", err)}
	}
	return o, nil
}

// OwnerError is the reason why a data directory may not use a cold directory.
type OwnerError struct {
	File  string // OWNER
	Cause string
}

func (e *OwnerError) Error() string { return e.File + " " + e.Cause }

func (o *Owner) decode(b []byte) error {
	lines := strings.Fields(string(b))
	if len(lines) < 1 || len(lines) > 2 {
		return fmt.Errorf("it has %d lines, and should have an instance and a generation", len(lines))
	}
	fields := []*uint64{&o.Instance, &o.Generation}
	for i, line := range lines {
		n, err := strconv.ParseUint(line, 16, 64)
		if err != nil {
			return err
		}
		*fields[i] = n
	}
	return nil
}

func (o Owner) encode() []byte { return fmt.Appendf(nil, "%016x\n%016x\n", o.Instance, o.Generation) }

// ownerSpare is the file that becomes OWNER next. It is made in advance, so
// that a full cold directory can be claimed and files in it removed.
const ownerSpare = OwnerName + ".tmp"

// Write makes o the owner of a cold directory, durably and atomically.
func (o Owner) Write(fsys vfs.FS, dir string) error {
	spare := path.Join(dir, ownerSpare)
	if err := o.writeFile(fsys, spare); err != nil {
		return err
	}
	if err := fsys.Rename(spare, path.Join(dir, OwnerName)); err != nil {
		return err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	_ = o.writeFile(fsys, spare) // if there is no room, there may be the next time
	return nil
}

// writeFile makes o the durable content of the file.
func (o Owner) writeFile(fsys vfs.FS, name string) error {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = fsys.Create(name)
	}
	if err != nil {
		return err
	}
	b := o.encode()
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Truncate(int64(len(b)))
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
