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

// LockName is the file in a data directory that names the process that has it.
const LockName = ".topics.lock"

// Lock takes the data directory for this process, and makes it if need be. A
// directory that is taken answers an *InUseError. The lock ends with Close or
// with the process, however it ends.
//
// The lock is on the directory itself: no name in it has to stay there for
// that, and every path to the directory is the same lock. The file LockName is
// locked too, because that was the whole lock once: an older program in the
// same directory is kept out, or keeps this one out. Its text is for people.
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

// Share takes the data directory for reading: others may read it too, and no
// server may start in it until Close. Nothing is written. A directory that a
// server has answers an *InUseError.
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
	file     vfs.Held // on LockName; nil if there is no such file
}

func (l dataLock) Close() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	return errors.Join(err, l.Held.Close())
}

// absent reports whether there is no file of that name.
func absent(fsys vfs.FS, name string) bool {
	f, err := fsys.Hold(name, vfs.Shared)
	if err == nil {
		_ = f.Close() // nothing was done under it
	}
	return errors.Is(err, fs.ErrNotExist)
}

// lockError is the error of a data directory that could not be locked.
func lockError(fsys vfs.FS, dir string, err error) error {
	held := new(vfs.LockedError)
	if !errors.As(err, &held) {
		return fmt.Errorf("locking data directory %s: %w", dir, err)
	}
	e := &InUseError{Dir: dir, PID: held.Holder, Mode: held.Mode}
	if held.Name == dir && held.Mode == vfs.Exclusive {
		file, err := fsys.Hold(path.Join(dir, LockName), vfs.Shared)
		if err == nil {
			_ = file.Close() // its holder is gone, or writes no name
		} else if errors.As(err, &held) {
			e.PID = held.Holder
		}
	}
	if e.Mode == vfs.Shared {
		e.PID = "" // a reader writes no name; what stands there is older
	}
	return e
}

// InUseError is the refusal of a data directory that another process has.
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

// DataDirCheck watches that the path of the data directory still leads to the
// directory that lock holds: what is written after a move is not where the next
// start looks for it. Without a lock there is nothing to watch.
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
