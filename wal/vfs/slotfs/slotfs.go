// Package slotfs bounds how many reads of a file system are in the kernel at a
// time, and knows how long operations have been running.
//
// A read that blocks holds a thread. Without a bound a slow disk or a mount
// whose server is away takes as many threads as there are readers, until the
// system refuses one more, which ends the process. Here reads beyond the bound
// wait without a thread, in order. Each root has slots of its own, so that one
// that hangs takes none from the others.
package slotfs

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// FS is a file system whose reads are bounded. Its methods may be called from
// any goroutine at once.
type FS struct {
	vfs.FS
	lanes []*lane // the longest root first
	rest  *lane   // of paths below no root
}

// New returns a file system that does what inner does, with at most reads reads
// at a time below each root, and as many elsewhere.
func New(inner vfs.FS, reads int, roots ...string) *FS {
	f := &FS{FS: inner, rest: newLane("", reads)}
	for _, root := range roots {
		if root != "" {
			f.lanes = append(f.lanes, newLane(path.Clean(root), reads))
		}
	}
	slices.SortStableFunc(f.lanes, func(a, b *lane) int { return len(b.root) - len(a.root) })
	return f
}

// Oldest returns how long the oldest operation below root has been running, or 0 if
// there is none. root is one of the roots passed to New.
func (f *FS) Oldest(root string) time.Duration { return f.lane(root).oldest() }

// Stats returns the reads below root.
func (f *FS) Stats(root string) Stats { return f.lane(root).stats() }

// Total returns the sum of the reads below all roots and elsewhere.
func (f *FS) Total() Stats {
	sum := f.rest.stats()
	for _, l := range f.lanes {
		s := l.stats()
		sum.Reading += s.Reading
		sum.Waiting += s.Waiting
		sum.Slots += s.Slots
	}
	return sum
}

func (f *FS) lane(name string) *lane {
	name = path.Clean(name)
	for _, l := range f.lanes {
		if name == l.root || l.root == "/" || strings.HasPrefix(name, l.root+"/") {
			return l
		}
	}
	return f.rest
}

// Create implements vfs.FS.
func (f *FS) Create(name string) (vfs.File, error) { return f.open(name, f.FS.Create) }

// Open implements vfs.FS.
func (f *FS) Open(name string) (vfs.File, error) { return f.open(name, f.FS.Open) }

// OpenRead implements vfs.FS.
func (f *FS) OpenRead(name string) (vfs.File, error) { return f.open(name, f.FS.OpenRead) }

func (f *FS) open(name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	l := f.lane(name)
	defer l.end(l.begin())
	inner, err := open(name)
	if err != nil {
		return nil, err
	}
	return &file{inner, l}, nil
}

// Remove implements vfs.FS.
func (f *FS) Remove(name string) error {
	l := f.lane(name)
	defer l.end(l.begin())
	return f.FS.Remove(name)
}

// Rename implements vfs.FS.
func (f *FS) Rename(oldname, newname string) error {
	l := f.lane(oldname)
	defer l.end(l.begin())
	return f.FS.Rename(oldname, newname)
}

// List implements vfs.FS.
func (f *FS) List(dir string) ([]string, error) {
	l := f.lane(dir)
	defer l.end(l.begin())
	return f.FS.List(dir)
}

// MkdirAll implements vfs.FS.
func (f *FS) MkdirAll(dir string) error {
	l := f.lane(dir)
	defer l.end(l.begin())
	return f.FS.MkdirAll(dir)
}

// SyncDir implements vfs.FS.
func (f *FS) SyncDir(dir string) error {
	l := f.lane(dir)
	defer l.end(l.begin())
	return f.FS.SyncDir(dir)
}

// Lock implements vfs.FS.
func (f *FS) Lock(name, owner string) (vfs.Held, error) {
	l := f.lane(name)
	defer l.end(l.begin())
	return f.FS.Lock(name, owner)
}

// Hold implements vfs.FS.
func (f *FS) Hold(name string, mode vfs.LockMode) (vfs.Held, error) {
	l := f.lane(name)
	defer l.end(l.begin())
	return f.FS.Hold(name, mode)
}

// Free implements vfs.FS.
func (f *FS) Free(dir string) (free, total uint64, err error) {
	l := f.lane(dir)
	defer l.end(l.begin())
	return f.FS.Free(dir)
}

// Peek passes vfs.Peek on to the inner file system.
func (f *FS) Peek(dir string) error {
	l := f.lane(dir)
	defer l.end(l.begin())
	return vfs.Peek(f.FS, dir)
}

// file is one open file.
type file struct {
	vfs.File
	lane *lane
}

// ReadAt waits for a slot without a limit.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	return f.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext waits for a slot until ctx ends. vfs.ReadAt calls it.
func (f *file) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if err := f.lane.take(ctx); err != nil {
		return 0, err
	}
	defer f.lane.give()
	defer f.lane.end(f.lane.begin())
	return f.File.ReadAt(p, off)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	defer f.lane.end(f.lane.begin())
	return f.File.WriteAt(p, off)
}

func (f *file) Sync() error {
	defer f.lane.end(f.lane.begin())
	return f.File.Sync()
}

func (f *file) Truncate(size int64) error {
	defer f.lane.end(f.lane.begin())
	return f.File.Truncate(size)
}

func (f *file) Size() (int64, error) {
	defer f.lane.end(f.lane.begin())
	return f.File.Size()
}
