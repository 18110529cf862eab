// Package hangfs makes a file system hang on purpose, as a network mount does
// whose server is away: chosen operations on chosen paths neither succeed nor
// fail until they are released.
//
//	disk := hangfs.New(inner)
//	hang := disk.Hang(errfs.All, "/archive")
//	run(disk)
//	<-hang.Reached() // the first operation waits
//	...
//	hang.Release()
package hangfs

import (
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// FS is a file system some of whose operations hang. Its methods may be called
// from any goroutine at once.
type FS struct {
	inner vfs.FS

	mu struct {
		sync.Mutex
		hangs []*Hang
	}
}

// New returns a file system that does what inner does until Hang is called.
func New(inner vfs.FS) *FS { return &FS{inner: inner} }

// Hang is a set of operations that hang.
type Hang struct {
	fs       *FS
	ops      errfs.Op
	root     string
	reached  chan struct{} // closed by the first operation that hangs
	released chan struct{} // closed by Release

	mu struct {
		sync.Mutex
		waiting int
	}
}

// Hang makes the operations of the kinds ops on root, and on everything below
// it, hang from now on. Size counts as errfs.Read, and OpenRead as errfs.Open;
// Close never hangs. A file that is open already hangs as well.
func (f *FS) Hang(ops errfs.Op, root string) *Hang {
	h := &Hang{
		fs: f, ops: ops, root: path.Clean(root),
		reached: make(chan struct{}), released: make(chan struct{}),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.hangs = append(f.mu.hangs, h)
	return h
}

// Reached returns a channel that is closed once an operation hangs.
func (h *Hang) Reached() <-chan struct{} { return h.reached }

// Waiting returns how many operations hang at this moment.
func (h *Hang) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.waiting
}

// Release ends the hang: the operations that hang continue. It may be called more
// than once.
func (h *Hang) Release() {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	i := slices.Index(h.fs.mu.hangs, h)
	if i >= 0 {
		h.fs.mu.hangs = slices.Delete(h.fs.mu.hangs, i, i+1)
		close(h.released)
	}
}

// affects reports whether an operation hangs.
func (h *Hang) affects(op errfs.Op, name string) bool {
	name = path.Clean(name)
	return h.ops&op != 0 && (h.root == "/" || name == h.root || strings.HasPrefix(name, h.root+"/"))
}

// wait hangs until Release.
func (h *Hang) wait() {
	h.mu.Lock()
	h.mu.waiting++
	if h.mu.waiting == 1 {
		select {
		case <-h.reached:
		default:
			close(h.reached)
		}
	}
	h.mu.Unlock()
	<-h.released
	h.mu.Lock()
	h.mu.waiting--
	h.mu.Unlock()
}

// enter hangs while a Hang affects the operation.
func (f *FS) enter(op errfs.Op, name string) {
	for {
		f.mu.Lock()
		i := slices.IndexFunc(f.mu.hangs, func(h *Hang) bool { return h.affects(op, name) })
		var h *Hang
		if i >= 0 {
			h = f.mu.hangs[i]
		}
		f.mu.Unlock()
		if h == nil {
			return
		}
		h.wait()
	}
}

// Create implements vfs.FS.
func (f *FS) Create(name string) (vfs.File, error) {
	f.enter(errfs.Create, name)
	return f.wrap(name)(f.inner.Create(name))
}

// Open implements vfs.FS.
func (f *FS) Open(name string) (vfs.File, error) {
	f.enter(errfs.Open, name)
	return f.wrap(name)(f.inner.Open(name))
}

// OpenRead implements vfs.FS.
func (f *FS) OpenRead(name string) (vfs.File, error) {
	f.enter(errfs.Open, name)
	return f.wrap(name)(f.inner.OpenRead(name))
}

func (f *FS) wrap(name string) func(vfs.File, error) (vfs.File, error) {
	return func(inner vfs.File, err error) (vfs.File, error) {
		if err != nil {
			return nil, err
		}
		return &file{inner, name, f}, nil
	}
}

// Remove implements vfs.FS.
func (f *FS) Remove(name string) error {
	f.enter(errfs.Remove, name)
	return f.inner.Remove(name)
}

// Rename implements vfs.FS.
func (f *FS) Rename(oldname, newname string) error {
	f.enter(errfs.Rename, oldname)
	return f.inner.Rename(oldname, newname)
}

// List implements vfs.FS.
func (f *FS) List(dir string) ([]string, error) {
	f.enter(errfs.List, dir)
	return f.inner.List(dir)
}

// MkdirAll implements vfs.FS.
func (f *FS) MkdirAll(dir string) error {
	f.enter(errfs.MkdirAll, dir)
	return f.inner.MkdirAll(dir)
}

// SyncDir implements vfs.FS.
func (f *FS) SyncDir(dir string) error {
	f.enter(errfs.SyncDir, dir)
	return f.inner.SyncDir(dir)
}

// Lock implements vfs.FS.
func (f *FS) Lock(name, owner string) (vfs.Held, error) {
	f.enter(errfs.Lock, name)
	return f.inner.Lock(name, owner)
}

// Hold implements vfs.FS.
func (f *FS) Hold(name string, mode vfs.LockMode) (vfs.Held, error) {
	f.enter(errfs.Hold, name)
	return f.inner.Hold(name, mode)
}

// Free implements vfs.FS.
func (f *FS) Free(dir string) (free, total uint64, err error) {
	f.enter(errfs.Free, dir)
	return f.inner.Free(dir)
}

// file is one open file.
type file struct {
	vfs.File
	name string // as it was opened
	fs   *FS
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.enter(errfs.Read, f.name)
	return f.File.ReadAt(p, off)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.enter(errfs.Write, f.name)
	return f.File.WriteAt(p, off)
}

func (f *file) Sync() error {
	f.fs.enter(errfs.Sync, f.name)
	return f.File.Sync()
}

func (f *file) Size() (int64, error) {
	f.fs.enter(errfs.Read, f.name)
	return f.File.Size()
}

func (f *file) Truncate(size int64) error {
	f.fs.enter(errfs.Truncate, f.name)
	return f.File.Truncate(size)
}
