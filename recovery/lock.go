package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// LockName is the file in a data directory that names the process using it.
const LockName = ".topics.lock"

// Lock locks the data directory for this process, and makes the directory if it
// does not exist. If another process has the lock the error is an *InUseError.
// The lock ends with Close or with the process, however that ends.
//
// The lock is on the directory itself: it does not depend on a name in the
// directory, and every path to the directory leads to the same lock. The file
// LockName is locked too, because older programs lock nothing else: they and
// this one keep each other out. Its text is for people.
func Lock(fsys vfs.FS, dir string) (vfs.Held, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	held, err := fsys.Hold(dir, vfs.Exclusive)
	if err != nil {
		return nil, lockError(fsys, dir, err)
	}
	name := path.Join(dir, LockName)
	file, err := fsys.Lock(name, strconv.Itoa(os.Getpid()))
	switch other := new(vfs.NotRegularError); {
	case err == nil:
		return dataLock{held, file}, nil
	case absent(fsys, name) && vfs.Temporary(err):
		return dataLock{Held: held}, nil // it cannot be made, so no older program has it either
	case errors.As(err, &other):
		err = fmt.Errorf("%w: remove it", err)
	}
	return nil, errors.Join(lockError(fsys, dir, err), held.Close())
}

// Share locks the data directory for reading: others may read it too, and no
// server may start in it until Close. Nothing is written. If a server has the
// directory the error is an *InUseError.
func Share(fsys vfs.FS, dir string) (vfs.Held, error) {
	held, err := fsys.Hold(dir, vfs.Shared)
	if err != nil {
		return nil, lockError(fsys, dir, err)
	}
	file, err := fsys.Hold(path.Join(dir, LockName), vfs.Shared)
	switch {
	case err == nil:
		return dataLock{held, file}, nil
	case errors.Is(err, fs.ErrNotExist):
		return dataLock{Held: held}, nil
	}
	return nil, errors.Join(lockError(fsys, dir, err), held.Close())
}

// dataLock is the lock of a data directory.
type dataLock struct {
	vfs.Held          // on the directory
	file     vfs.Held // on LockName; nil if that file does not exist
}

func (l dataLock) Close() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	return errors.Join(err, l.Held.Close())
}

// absent reports whether there is no file with that name.
func absent(fsys vfs.FS, name string) bool {
	f, err := fsys.Hold(name, vfs.Shared)
	if err == nil {
		_ = f.Close() // nothing was done under it
	}
	return errors.Is(err, fs.ErrNotExist)
}

// lockError returns the error of a data directory that could not be locked.
func lockError(fsys vfs.FS, dir string, err error) error {
	held := new(vfs.LockedError)
	if !errors.As(err, &held) {
		return fmt.Errorf("locking data directory %s: %w", dir, err)
	}
	e := &InUseError{Dir: dir, PID: held.Holder, Mode: held.Mode}
	if held.Name == dir && held.Mode == vfs.Exclusive {
		file, err := fsys.Hold(path.Join(dir, LockName), vfs.Shared)
		if err == nil {
			_ = file.Close() // its holder has ended, or writes no name
		} else if errors.As(err, &held) {
			e.PID = held.Holder
		}
	}
	if e.Mode == vfs.Shared {
		e.PID = "" // a reader writes no name; the one in the file is older
	}
	return e
}

// InUseError is the error of a data directory that another process has locked.
type InUseError struct {
	Dir  string
	PID  string       // of the holder; empty if it is not known
	Mode vfs.LockMode // of its lock: Shared if it only reads
}

func (e *InUseError) Error() string {
	if e.Mode == vfs.Shared {
		return fmt.Sprintf("data directory %s is being read by another process, which backs it up or checks it", e.Dir)
	}
	return fmt.Sprintf("data directory %s is in use by %s", e.Dir, e.Holder())
}

// Holder names the process that has the directory.
func (e *InUseError) Holder() string {
	if e.PID == "" {
		return "another process"
	}
	return "process " + e.PID
}

// DataDirCheck checks that the path of the data directory still leads to the
// directory that lock is on: what is written after a move is not where the next
// start looks for it. If lock is nil the check always succeeds.
func DataDirCheck(lock vfs.Held) health.Check {
	return func() health.Condition {
		if lock == nil {
			return health.Condition{}
		}
		replaced := new(vfs.ReplacedError)
		switch err := lock.Check(); {
		case errors.As(err, &replaced):
			return health.Condition{Status: health.Unhealthy, Reason: "data directory " + err.Error() + "; move it back, or stop the server"}
		case err != nil && !errors.Is(err, fs.ErrClosed): // closed: the directory was given up
			return health.Condition{Status: health.Degraded, Reason: "data directory: " + err.Error()}
		}
		return health.Condition{}
	}
}
