package health

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync/atomic"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// DiskWatch watches the space left in the data directory's file system and keeps
// the last reading, so that others need not ask the file system.
type DiskWatch struct {
	read        func() (free, total uint64, err error)
	lines       Thresholds
	free, total atomic.Uint64
}

// NewDiskWatch makes a DiskWatch that asks read, typically vfs.FS.Free of the data
// directory, each time its Check runs.
func NewDiskWatch(read func() (free, total uint64, err error), lines Thresholds) *DiskWatch {
	return &DiskWatch{read: read, lines: lines}
}

// Space is the last reading in bytes; zeros before the first Check.
func (d *DiskWatch) Space() (free, total uint64) { return d.free.Load(), d.total.Load() }

// Check reads the space; register it as a background check.
func (d *DiskWatch) Check() Condition {
	free, total, err := d.read()
	if err != nil {
		return Condition{Degraded, "the free space is unknown: " + cause(err)}
	}
	d.free.Store(free)
	d.total.Store(total)
	left := space(free, total)
	switch {
	case free < uint64(d.lines.DiskUnhealthy):
		return Condition{Unhealthy, left}
	case free < uint64(d.lines.DiskDegraded) || float64(free)*100 < float64(d.lines.DiskPercent)*float64(total):
		return Condition{Degraded, left}
	}
	return Condition{}
}

func space(free, total uint64) string {
	return fmt.Sprintf("%s of %s free", Size(int64(min(free, math.MaxInt64))), Size(int64(min(total, math.MaxInt64))))
}

// DirectoryCheck looks whether a directory can be opened and read.
func DirectoryCheck(fsys vfs.FS, dir string) Check {
	return func() Condition {
		if err := vfs.Peek(fsys, dir); err != nil {
			return Condition{Degraded, "it cannot be read: " + cause(err)}
		}
		return Condition{}
	}
}

// StoreCheck is DirectoryCheck for a directory on a file system of its own,
// which must have space, too.
func StoreCheck(fsys vfs.FS, dir string, lines Thresholds) Check {
	look := DirectoryCheck(fsys, dir)
	return func() Condition {
		free, total, err := fsys.Free(dir)
		if err != nil {
			return Condition{Degraded, "the free space is unknown: " + cause(err)}
		}
		if c := look(); c.Status != Healthy {
			return c
		}
		if free < uint64(lines.DiskUnhealthy) {
			return Condition{Degraded, space(free, total)}
		}
		return Condition{}
	}
}

// cause is an error without the path it is about, which probes keep to
// themselves.
func cause(err error) string {
	if path := new(fs.PathError); errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}
