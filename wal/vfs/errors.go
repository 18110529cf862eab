package vfs

import (
	"errors"
	"slices"
	"syscall"
)

// NoSpace reports whether an operation failed because the file system has no
// room left: no free bytes or inodes, or a quota that is used up.
func NoSpace(err error) bool { return oneOf(err, noSpace) }

// Temporary reports whether an operation failed for a reason that may pass
// without anything having been done to the file system: no room, no descriptors,
// no memory, an interrupted call, a missing permission, a file system that is
// read-only or stale for the moment. It is meant for operations that prepare
// something (create, open, list, sync of a directory), which can be tried again
// as a whole. It must not be asked about a failed write or sync of a file whose
// bytes were promised to anyone: those prove that the file's pages cannot be
// trusted, whatever the cause.
func Temporary(err error) bool { return NoSpace(err) || oneOf(err, temporary) }

func oneOf(err error, list []syscall.Errno) bool {
	return slices.ContainsFunc(list, func(errno syscall.Errno) bool { return errors.Is(err, errno) })
}
