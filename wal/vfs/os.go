package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// maxOwner bounds how much of a lock file is read for LockedError.Holder, in
// bytes: the file may be anybody's.
const maxOwner = 256

// OS returns the file system of the operating system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (osFS) Open(name string) (File, error) { return openFile(name, os.O_RDWR) }

func (osFS) OpenRead(name string) (File, error) {
	f, err := openFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return readOnly{f}, nil
}

// readOnly gives the refusal of the seam's contract: the kernel's is EBADF.
type readOnly struct{ *osFile }

func (f readOnly) WriteAt([]byte, int64) (int, error) {
	return 0, pathError("write", f.Name(), fs.ErrPermission)
}

func (f readOnly) Truncate(int64) error { return pathError("truncate", f.Name(), fs.ErrPermission) }

func (osFS) Remove(name string) error {
	// Not os.Remove: that would take an empty directory too.
	return pathError("remove", name, retry(func() error { return unlink(name) }))
}

func (osFS) Rename(oldname, newname string) error {
	if path.Dir(filepath.ToSlash(oldname)) != path.Dir(filepath.ToSlash(newname)) {
		return pathError("rename", newname, fs.ErrInvalid)
	}
	return rename(oldname, newname)
}

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Name() != systemDir {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (o osFS) MkdirAll(dir string) error {
	dir = path.Clean(filepath.ToSlash(dir))
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return pathError("mkdir", dir, syscall.ENOTDIR)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := path.Dir(dir)
	if err := o.MkdirAll(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return o.SyncDir(parent)
}

func (osFS) SyncDir(dir string) error { return syncDir(dir) }

func (osFS) Free(dir string) (free, total uint64, err error) {
	err = retry(func() error {
		free, total, err = statfs(dir)
		return err
	})
	return free, total, pathError("statfs", dir, err)
}

// osFile is an os.File whose Sync is the one of its system that leaves nothing in
// the cache of the drive.
type osFile struct {
	*os.File
	raw syscall.RawConn // the descriptor, safe against a Close at the same time
}

func openFile(name string, flag int) (*osFile, error) {
	f, err := open(name, flag)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &osFile{f, raw}, nil
}

func (f *osFile) Sync() error { return f.control(syncName, datasync) }

// Size is of a file that is open. On Windows, File.Stat of a closed one fails with the
// system's error.
func (f *osFile) Size() (int64, error) {
	var info fs.FileInfo
	var err error
	if f.raw.Control(func(uintptr) { info, err = f.Stat() }) != nil {
		return 0, pathError("stat", f.Name(), fs.ErrClosed)
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// control runs a system call on the descriptor, again when a signal cut it.
func (f *osFile) control(op string, call func(fd uintptr) error) error {
	var err error
	if f.raw.Control(func(fd uintptr) { err = retry(func() error { return call(fd) }) }) != nil {
		err = fs.ErrClosed // only a closed file has no descriptor
	}
	return pathError(op, f.Name(), err)
}

func retry(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
