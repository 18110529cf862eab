package recovery

import (
	"errors"
	"io/fs"
	"path"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// A file that holds nothing but space: a manifest needs some while it replaces
// another, and a server must be able to start, read and delete on a disk
// without a free byte.
const (
	reserveName  = "RESERVE"
	reserveBytes = 64 << 10
)

// replaceManifest writes the manifest, out of the reserve if there is no other
// space, and lays the reserve up again where it can. That it cannot is no
// error: the disk is full, and the health check says so.
func replaceManifest(fsys vfs.FS, dir string, m *Manifest) error {
	err := WriteManifest(fsys, dir, m)
	if vfs.NoSpace(err) && fsys.Remove(path.Join(dir, reserveName)) == nil {
		err = WriteManifest(fsys, dir, m)
	}
	if err != nil {
		return err
	}
	_ = layUpReserve(fsys, dir)
	return nil
}

func layUpReserve(fsys vfs.FS, dir string) error {
	name := path.Join(dir, reserveName)
	f, err := fsys.Create(name)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, reserveBytes), 0)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, fsys.Remove(name)) // part of it would pass for the whole
	}
	return nil
}
