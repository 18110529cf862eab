package errfs

import (
	"github.com/e6e95bb8/topics/wal/vfs"
)

// New returns inner with the failures that inj injects. An operation that
// fails is not done at all, with two exceptions: a write with Injector.Short,
// and a Sync of a file that has DropDirty (crashfs), which then loses its
// unsynced pages as the kernel may after a failed fsync.
func New(inner vfs.FS, inj *Injector) vfs.FS { return &faulty{inner, inj} }

type faulty struct {
	inner vfs.FS
	inj   *Injector
}

func (f *faulty) Create(name string) (vfs.File, error) {
	return f.open(Create, name, f.inner.Create)
}

func (f *faulty) Open(name string) (vfs.File, error) {
	return f.open(Open, name, f.inner.Open)
}

func (f *faulty) OpenRead(name string) (vfs.File, error) {
	return f.open(Open, name, f.inner.OpenRead)
}

func (f *faulty) open(op Op, name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	if err := f.inj.check(op, name); err != nil {
		return nil, err
	}
	inner, err := open(name)
	if err != nil {
		return nil, err
	}
	return &file{inner, name, f.inj}, nil
}

func (f *faulty) Remove(name string) error {
	if err := f.inj.check(Remove, name); err != nil {
		return err
	}
	return f.inner.Remove(name)
}

func (f *faulty) Rename(oldname, newname string) error {
	if err := f.inj.check(Rename, oldname); err != nil {
		return err
	}
	return f.inner.Rename(oldname, newname)
}

func (f *faulty) List(dir string) ([]string, error) {
	if err := f.inj.check(List, dir); err != nil {
		return nil, err
	}
	return f.inner.List(dir)
}

func (f *faulty) MkdirAll(dir string) error {
	if err := f.inj.check(MkdirAll, dir); err != nil {
		return err
	}
	return f.inner.MkdirAll(dir)
}

func (f *faulty) SyncDir(dir string) error {
	if err := f.inj.check(SyncDir, dir); err != nil {
		return err
	}
	return f.inner.SyncDir(dir)
}

func (f *faulty) Lock(name, owner string) (vfs.Held, error) {
	if err := f.inj.check(Lock, name); err != nil {
		return nil, err
	}
	return f.inner.Lock(name, owner)
}

func (f *faulty) Hold(name string, mode vfs.LockMode) (vfs.Held, error) {
	if err := f.inj.check(Hold, name); err != nil {
		return nil, err
	}
	return f.inner.Hold(name, mode)
}

func (f *faulty) Free(dir string) (free, total uint64, err error) {
	if err := f.inj.check(Free, dir); err != nil {
		return 0, 0, err
	}
	return f.inner.Free(dir)
}

// file is one open file; Size and Close are the inner file's.
type file struct {
	vfs.File
	name string
	inj  *Injector
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.inj.check(Read, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.inj.check(Write, f.name); err != nil {
		n := 0
		if f.inj.Short {
			n, _ = f.File.WriteAt(p[:len(p)/2], off) // the injected error is the one to report
		}
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *file) Sync() error {
	if err := f.inj.check(Sync, f.name); err != nil {
		if inner, ok := f.File.(interface{ DropDirty() }); ok {
			inner.DropDirty()
		}
		return err
	}
	return f.File.Sync()
}

func (f *file) Truncate(size int64) error {
	if err := f.inj.check(Truncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}
