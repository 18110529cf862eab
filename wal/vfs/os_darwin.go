package vfs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const syncName = "F_FULLFSYNC"

// datasync makes the bytes of a file durable. The fsync of macOS leaves them in the
// cache of the drive, which a power cut empties. A volume that has no F_FULLFSYNC
// cannot promise anything, so its error is not answered with an fsync.
func datasync(fd uintptr) error {
	_, err := unix.FcntlInt(fd, unix.F_FULLFSYNC, 0)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("the volume cannot flush the cache of its drive; use a local APFS or HFS+ volume: %w", err)
	}
	return err
}

// fullsync does not use File.Sync, which falls back to fsync.
func fullsync(f *os.File) error {
	return pathError(syncName, f.Name(), retry(func() error { return datasync(f.Fd()) }))
}

func statfs(dir string) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	unit := uint64(st.Bsize)
	return st.Bavail * unit, st.Blocks * unit, nil
}
