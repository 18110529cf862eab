package recovery

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// LockName is the lock file in a data directory.
const LockName = ".topics.lock"

// Lock takes the data directory for this process, and makes it if need be.
// A directory that is taken answers an *InUseError. The lock ends with Close
// or with the process, however it ends.
func Lock(fsys vfs.FS, dir string) (io.Closer, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	c, err := fsys.Lock(path.Join(dir, LockName), strconv.Itoa(os.Getpid()))
	var held *vfs.LockedError
	switch {
	case errors.As(err, &held):
		return nil, &InUseError{Dir: dir, PID: held.Owner}
	case err != nil:
		return nil, fmt.Errorf("locking data directory %s: %w", dir, err)
	}
	return c, nil
}

// InUseError says that another process has the data directory.
type InUseError struct {
	Dir string
	PID string // of the holder; may be empty when it has just begun
}

func (e *InUseError) Error() string {
	if e.PID == "" {
		return fmt.Sprintf("data directory %s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("data directory %s is in use by process %s", e.Dir, e.PID)
}
