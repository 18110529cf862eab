package vfs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// noFollow opens a symbolic link itself, which lockFile then refuses. It is not a
// flag of package os.
const noFollow = 1 << 30

// lockFlags open a file to be locked.
const lockFlags = noFollow

// errLocked is the error of flock if another lock excludes it.
const errLocked = windows.ERROR_LOCK_VIOLATION

func notRegular(_ string, err error) error { return err }

// flock locks a byte far beyond the end of the file: others cannot read what is
// locked, and are to read the text.
func flock(fd uintptr, mode LockMode) error {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if mode == Exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	at := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(fd), flags, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_IO_PENDING) {
		return errLocked
	}
	return err
}

func (osFS) Hold(name string, mode LockMode) (Held, error) {
	h, err := createFile(rooted(name), windows.FILE_READ_ATTRIBUTES, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	var info windows.ByHandleFileInformation
	err = windows.GetFileInformationByHandle(h, &info)
	if err != nil {
		windows.CloseHandle(h)
		return nil, pathError("stat", name, err)
	}
	if info.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0 {
		d := &osDir{osLock: osLock{&osFile{File: os.NewFile(uintptr(h), name)}}}
		return d.lock(directoryID(&info), mode)
	}
	windows.CloseHandle(h)
	f, err := openFile(name, os.O_RDONLY|lockFlags)
	if err != nil {
		return nil, err
	}
	return f.lockFile(mode)
}

// directoryID names a directory, by whatever path it was reached.
func directoryID(info *windows.ByHandleFileInformation) string {
	return fmt.Sprintf(`Global\topics-%08x-%08x%08x`, info.VolumeSerialNumber, info.FileIndexHigh, info.FileIndexLow)
}

// osDir is a lock of a directory. Windows locks only files. So the lock is an object
// of the kernel with the directory's name, which is gone with the last process that
// has it open: one object for the exclusive lock, and one for all shared ones. A
// process makes its own object before it looks for the other kind. If two do that
// at the same time, both may be refused, and never is neither. Other machines that
// have the directory mounted do not see these objects.
type osDir struct {
	osLock
	object windows.Handle
}

func (d *osDir) Close() error {
	err := d.osLock.Close()
	if err == nil {
		err = windows.CloseHandle(d.object)
	}
	return err
}

// lock locks d, or closes it.
func (d *osDir) lock(id string, mode LockMode) (Held, error) {
	err := d.claim(id, mode)
	if err != nil {
		d.f.Close()
		return nil, err
	}
	return d, nil
}

func (d *osDir) claim(id string, mode LockMode) error {
	own, other, otherMode := id+"-exclusive", id+"-shared", Shared
	if mode == Shared {
		own, other, otherMode = other, own, Exclusive
	}
	object, there, err := makeObject(own)
	// An object of another user may be out of reach.
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || there && mode == Exclusive {
		if object != 0 {
			windows.CloseHandle(object)
		}
		return &LockedError{Name: d.f.Name(), Mode: mode}
	}
	if err != nil {
		return pathError("lock", d.f.Name(), err)
	}
	held, err := hasObject(other)
	if err == nil && held {
		err = &LockedError{Name: d.f.Name(), Mode: otherMode}
	}
	if err != nil {
		windows.CloseHandle(object)
		return err
	}
	d.object = object
	return nil
}

// makeObject opens the object of that name, and makes it if it is not there.
func makeObject(name string) (object windows.Handle, there bool, err error) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, false, err
	}
	object, err = windows.CreateEvent(nil, 0, 0, p)
	if errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return object, true, nil
	}
	return object, false, err
}

func hasObject(name string) (bool, error) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return false, err
	}
	object, err := windows.OpenEvent(windows.SYNCHRONIZE, false, p)
	switch {
	case err == nil:
		return true, windows.CloseHandle(object)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return true, nil
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return false, nil
	}
	return false, fmt.Errorf("look for the lock %s: %w", name, err)
}
