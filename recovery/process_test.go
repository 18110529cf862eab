package recovery_test

import (
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// process is one of several processes on a machine with one file system. It can
// be killed alone: then nothing that it does changes anything, and its locks
// are free.
type process struct {
	*crashfs.FS
	left  int // mutating operations until it is killed, or negative
	dead  bool
	locks []vfs.Held
}

func newProcess(machine *crashfs.FS) *process { return &process{FS: machine, left: -1} }

// kill ends the process.
func (p *process) kill() {
	p.dead = true
	for _, l := range p.locks {
		_ = l.Close() // it may have been closed
	}
	p.locks = nil
}

// step counts a mutating operation.
func (p *process) step() error {
	if p.left == 0 {
		p.dead = true
	}
	if p.dead {
		return crashfs.ErrCrashed
	}
	if p.left > 0 {
		p.left--
	}
	return nil
}

func (p *process) Create(name string) (vfs.File, error) {
	if err := p.step(); err != nil {
		return nil, err
	}
	f, err := p.FS.Create(name)
	return p.own(f, err)
}

func (p *process) Open(name string) (vfs.File, error) {
	f, err := p.FS.Open(name)
	return p.own(f, err)
}

func (p *process) own(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return processFile{f, p}, nil
}

func (p *process) Remove(name string) error {
	if err := p.step(); err != nil {
		return err
	}
	return p.FS.Remove(name)
}

func (p *process) Rename(from, to string) error {
	if err := p.step(); err != nil {
		return err
	}
	return p.FS.Rename(from, to)
}

func (p *process) MkdirAll(dir string) error {
	if err := p.step(); err != nil {
		return err
	}
	return p.FS.MkdirAll(dir)
}

func (p *process) SyncDir(dir string) error {
	if err := p.step(); err != nil {
		return err
	}
	return p.FS.SyncDir(dir)
}

func (p *process) Lock(name, owner string) (vfs.Held, error) {
	if err := p.step(); err != nil {
		return nil, err
	}
	return p.locked(p.FS.Lock(name, owner))
}

func (p *process) Hold(name string, mode vfs.LockMode) (vfs.Held, error) {
	if p.dead {
		return nil, crashfs.ErrCrashed
	}
	return p.locked(p.FS.Hold(name, mode))
}

func (p *process) locked(l vfs.Held, err error) (vfs.Held, error) {
	if err == nil {
		p.locks = append(p.locks, l)
	}
	return l, err
}

// processFile is a file of a process.
type processFile struct {
	vfs.File
	p *process
}

func (f processFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.p.step(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f processFile) Sync() error {
	if err := f.p.step(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f processFile) Truncate(size int64) error {
	if err := f.p.step(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}
