// Package crashfs is an in-memory file system that simulates power cuts.
//
// A running process reads the cache view. The file system also remembers every
// change that no Sync or SyncDir has made durable, and Crash draws which of them
// survive. The disk it models keeps the promises of package vfs and no others:
//
//   - Each unsynced sector of 512 bytes survives or not independently, in any of
//     the versions it had since the last sync, or torn between two of them.
//   - An unsynced length may be any that the file had, or passed through as it
//     grew; bytes that were cut off may be back.
//   - Any subset of a directory's unsynced operations survives. A rename is
//     old or new; an operation on an entry that did not survive does nothing.
//   - A failed sync leaves its sectors in the cache and off the disk, and a
//     later sync that succeeds does not write them (see FailSync).
//
// Given the same operations in the same order and the same random source, the
// outcome is the same.
package crashfs

import (
	"errors"
	"io/fs"
	"path"
	"sync"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// ErrCrashed is the error of every operation after the power was cut, the process
// killed, or the limit of CrashAfter reached.
var ErrCrashed = errors.New("crashfs: crashed")

// unlimited is the size in bytes that Free reports without a SetCapacity.
const unlimited = 1 << 40

// FS is a file system in memory. It is safe for many goroutines.
type FS struct {
	mu       sync.Mutex      // guards all fields below, and all directories, files and locks
	dirs     map[string]*dir // by clean path
	locks    map[any]locks   // held, by *inode or *dir
	capacity int64           // bytes for all files; no limit if 0
	ops      int             // mutating operations so far
	left     int             // mutating operations until the crash; -1 if none is planned
	down     bool            // everything fails with ErrCrashed
	taken    bool            // a successor owns the contents
	syncFail *syncFailure    // the sync that will fail
}

var _ vfs.FS = (*FS)(nil)

type syncFailure struct {
	pattern string
	nth     int
}

// New returns an empty file system, with the directories "/" and ".".
func New() *FS {
	return boot(map[string]*dir{"/": newDir(), ".": newDir()}, 0)
}

// boot returns a running file system over dirs, which it owns from now on.
func boot(dirs map[string]*dir, capacity int64) *FS {
	return &FS{dirs: dirs, locks: map[any]locks{}, capacity: capacity, left: -1}
}

// Ops counts the mutating operations begun so far: Create, Lock, MkdirAll,
// Remove, Rename, SyncDir and a file's WriteAt, Sync and Truncate.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// CrashAfter lets n more mutating operations through. The next one stops the
// file system: it and all that follow return ErrCrashed. If it is a WriteAt, a
// part of it is in the cache view, as when a process is killed while writing.
// Kill or Crash then return what is left. A negative n cancels an earlier
// CrashAfter.
func (f *FS) CrashAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = max(n, -1)
}

// Crashed reports whether the file system has stopped.
func (f *FS) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down
}

// SetCapacity limits the sum of all file lengths to bytes, 0 for no limit.
// An operation that would exceed it fails with syscall.ENOSPC; a write has then
// written the part that fits. Removed files free their bytes at once.
func (f *FS) SetCapacity(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.capacity = bytes
}

// FailSync makes the nth Sync from now (1 is the next) of a file whose base
// name matches pattern (path.Match; of the name it was opened by) fail with
// syscall.EIO, once. The unsynced sectors of the file stay readable but count
// as clean: later Syncs succeed without writing them, unless they are written
// again.
func (f *FS) FailSync(pattern string, nth int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncFail = &syncFailure{pattern, nth}
}

// failsLocked reports whether this Sync of name fails.
func (f *FS) failsLocked(name string) bool {
	if f.syncFail == nil {
		return false
	}
	if ok, err := path.Match(f.syncFail.pattern, path.Base(name)); !ok || err != nil {
		return false
	}
	f.syncFail.nth--
	if f.syncFail.nth > 0 {
		return false
	}
	f.syncFail = nil
	return true
}

// stepLocked counts a mutating operation, or stops the file system before it.
func (f *FS) stepLocked() error {
	switch {
	case f.down:
		return ErrCrashed
	case f.left == 0:
		f.down = true
		return ErrCrashed
	case f.left > 0:
		f.left--
	}
	f.ops++
	return nil
}

// upLocked is stepLocked for operations that change nothing.
func (f *FS) upLocked() error {
	if f.down {
		return ErrCrashed
	}
	return nil
}

// usedLocked returns the sum of all file lengths.
func (f *FS) usedLocked() (sum int64) {
	for _, d := range f.dirs {
		for _, n := range d.entries {
			sum += int64(len(n.data))
		}
	}
	return sum
}

// roomLocked returns how long a file may become that would grow to size bytes.
func (f *FS) roomLocked(n *inode, size int64) int64 {
	have := int64(len(n.data))
	if f.capacity == 0 || size <= have {
		return size
	}
	return min(size, have+max(0, f.capacity-f.usedLocked()))
}

func fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}
