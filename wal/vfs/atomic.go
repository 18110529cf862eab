package vfs

import (
	"errors"
	"io/fs"
	"path"
)

// WriteFileAtomic gives the file base in dir the content b, durably, in one
// step for a crash: base has the old content or the new one, whole. The new
// content is written to the file temp of the same directory, whatever that
// held before, synced, and renamed. After an error either content may be
// found, and temp may be left.
func WriteFileAtomic(fsys FS, dir, base, temp string, b []byte) error {
	tmp := path.Join(dir, temp)
	err := fsys.Remove(tmp) // a crash may have left it
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeSynced(fsys, tmp, b); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, path.Join(dir, base)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// writeSynced makes a file of that content and syncs it.
func writeSynced(fsys FS, name string, b []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
