package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

const syncName = "fdatasync"

// datasync makes the bytes of a file durable. The kernel flushes the cache of the
// drive for it.
func datasync(fd uintptr) error { return unix.Fdatasync(int(fd)) }

func fullsync(f *os.File) error { return f.Sync() }

func statfs(dir string) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	unit := uint64(st.Frsize) // what the counts are in; 0 on file systems that have only Bsize
	if unit == 0 {
		unit = uint64(st.Bsize)
	}
	return st.Bavail * unit, st.Blocks * unit, nil
}
