// Package vfs is the file-system seam: the few operations the log and recovery
// need, stated as contracts, so that the code that ships is the code that the
// crash simulator (crashfs) and the fault injector (errfs) run.
//
// The contract about durability is three sentences, and nothing else may be assumed:
//
//   - Bytes written with WriteAt are durable once a Sync of that file, begun
//     after the write returned, has returned nil.
//   - A directory entry (create, rename, remove) is durable once a SyncDir of
//     its directory, begun afterwards, has returned nil.
//   - After a Sync that failed, any byte written since the last Sync that succeeded
//     may be lost, and a later Sync that succeeds does not repair that: the kernel
//     may have dropped the pages.
package vfs

import "io"

// File is one open file. Its methods may be called from any goroutine at once;
// the caller keeps overlapping writes apart. After Close they fail with
// fs.ErrClosed.
type File interface {
	io.ReaderAt
	// WriteAt writes all of p or returns an error; after an error any part of
	// p may have reached the file. Writing past the end fills the gap with
	// zeros.
	io.WriterAt
	// Close releases the handle. It makes nothing durable.
	io.Closer
	// Sync makes the file's bytes durable (fdatasync: the size and the block
	// map as needed to read them, not the timestamps).
	Sync() error
	// Size returns the file's length in bytes.
	Size() (int64, error)
	// Truncate sets the length; growing adds zeros.
	Truncate(size int64) error
}

// FS is a file system as seen by the log. Paths are slash-separated. Errors
// wrap the io/fs sentinels (fs.ErrNotExist, fs.ErrExist) and, for a full disk,
// syscall.ENOSPC. Its methods may be called from any goroutine at once.
type FS interface {
	// Create makes an empty file for reading and writing with mode 0600; it
	// fails with fs.ErrExist when the name is taken and with fs.ErrNotExist
	// when its directory is missing.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// OpenRead opens an existing file for reading only: it needs no permission
	// to write, neither of the file nor of its file system. WriteAt and
	// Truncate of the File fail with fs.ErrPermission.
	OpenRead(name string) (File, error)
	// Remove removes a file, never a directory. Open handles stay readable.
	Remove(name string) error
	// Rename replaces newname atomically as far as a running process sees it;
	// durable only after SyncDir. Both names are in one directory, else it is
	// fs.ErrInvalid: across two there is no single sync that makes it durable.
	Rename(oldname, newname string) error
	// List returns the base names in dir, subdirectories included, sorted. It
	// leaves out lost+found, which a file system keeps in its root for itself:
	// a directory of ours may be that root.
	List(dir string) ([]string, error)
	// MkdirAll makes dir and its parents with mode 0700. The directories that
	// it made are durable when it returns.
	MkdirAll(dir string) error
	// SyncDir makes dir's entries durable.
	SyncDir(dir string) error
	// Lock takes an exclusive advisory lock on the regular file name, creating
	// it if needed, and writes owner into it for people to read. It returns a
	// *LockedError when another process, or another lock in this one, holds it,
	// and a *NotRegularError for a symbolic link, a pipe or a device, which it
	// neither follows nor waits for. The lock does not depend on the text: on a
	// full or read-only file system the text may be missing.
	// The lock does not survive the process; the file and its text may.
	Lock(name, owner string) (Held, error)
	// Hold takes an advisory lock on a file or directory that exists. All
	// paths to one directory share its lock. It writes nothing and needs only
	// permission to read. It returns a *LockedError when the mode of another
	// lock, in this process or in another one, excludes it, and a
	// *NotRegularError as Lock does.
	Hold(name string, mode LockMode) (Held, error)
	// Free returns the bytes an unprivileged writer may still use in dir's
	// file system, and its size.
	Free(dir string) (free, total uint64, err error)
}

// LockMode determines which other locks a lock excludes.
type LockMode uint8

const (
	Exclusive LockMode = iota // every other lock
	Shared                    // exclusive ones
)

// Held is a lock that is held. Close releases it.
type Held interface {
	io.Closer
	// Check returns an error once the lock's path no longer leads to the locked
	// file, because that was moved, removed or replaced.
	Check() error
}

// LockedError is the refusal of a lock that is held.
type LockedError struct {
	Name   string   // the file or directory
	Mode   LockMode // of the lock that is held
	Holder string   // the text that Lock wrote into the file; empty if there is none
}

func (e *LockedError) Error() string {
	if e.Holder == "" {
		return "locked: " + e.Name + " is held"
	}
	return "locked: " + e.Name + " is held by " + e.Holder
}

// NotRegularError is the refusal to lock anything but a regular file.
type NotRegularError struct {
	Name string
}

func (e *NotRegularError) Error() string {
	return e.Name + " is not a regular file"
}

// ReplacedError reports that the path of a lock leads elsewhere.
type ReplacedError struct {
	Name string
}

func (e *ReplacedError) Error() string {
	return e.Name + " was moved or replaced: the path no longer leads to what is locked"
}

// systemDir is the directory that a file system keeps in its root for itself.
const systemDir = "lost+found"

// ReadFile returns the whole content of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, size)
	n, err := f.ReadAt(buf, 0)
	if err == io.EOF && int64(n) == size {
		err = nil
	}
	return buf[:n], err
}
