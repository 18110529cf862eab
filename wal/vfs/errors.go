package vfs

import (
	"errors"
	"syscall"
)

// NoSpace reports whether an operation failed because the file system has no
// room left: no free bytes or inodes, or a quota that is used up.
func NoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Temporary reports whether an operation failed for a reason that may pass
// without anything having been done to the file system: no room, no descriptors,
// no memory, an interrupted call, a missing permission, a file system that is
// read-only or stale for the moment. It is meant for operations that prepare
// something (create, open, list, sync of a directory), which can be tried again
// as a whole. It must not be asked about a failed write or sync of a file whose
// bytes were promised to anyone: those prove that the file's pages cannot be
// trusted, whatever the cause.
func Temporary(err error) bool {
	if NoSpace(err) {
		return true
	}
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR,
		syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ESTALE, syscall.ETIMEDOUT,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
