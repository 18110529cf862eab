//go:build unix

package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFlags open a file to be locked: a symbolic link is refused, and a pipe or
// a device does not block.
const lockFlags = unix.O_NOFOLLOW | unix.O_NONBLOCK

// errLocked is the error of flock if another lock excludes it.
const errLocked = unix.EWOULDBLOCK

func (osFS) Hold(name string, mode LockMode) (Held, error) {
	// A directory may be reached by a symbolic link, a file may not.
	f, err := openFile(name, os.O_RDONLY|unix.O_DIRECTORY)
	if err == nil {
		return f.lock(mode)
	}
	if errors.Is(err, unix.ENOTDIR) {
		f, err = openFile(name, os.O_RDONLY|lockFlags)
	}
	if err != nil {
		return nil, notRegular(name, err)
	}
	return f.lockFile(mode)
}

// notRegular replaces the errors of the system calls that lockFlags make refuse a
// file that is not regular, and returns other errors as they are.
func notRegular(name string, err error) error {
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) || errors.Is(err, unix.ENXIO) {
		return &NotRegularError{Name: name}
	}
	return err
}

func flock(fd uintptr, mode LockMode) error {
	how := unix.LOCK_EX
	if mode == Shared {
		how = unix.LOCK_SH
	}
	return unix.Flock(int(fd), how|unix.LOCK_NB)
}
