package wal

import (
	"sync"
	"sync/atomic"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// valve is a file system whose writes and syncs can be held up, and are
// counted.
type valve struct {
	vfs.FS
	writes, syncs gate
}

type gate struct {
	count atomic.Int64 // operations begun
	mu    sync.Mutex
	shut  chan struct{} // nil: open
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.shut)
	g.shut = nil
}

func (g *gate) pass() {
	g.count.Add(1)
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

func (v *valve) Create(name string) (vfs.File, error) { return v.file(v.FS.Create(name)) }
func (v *valve) Open(name string) (vfs.File, error)   { return v.file(v.FS.Open(name)) }

func (v *valve) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &valveFile{f, v}, nil
}

type valveFile struct {
	vfs.File
	valve *valve
}

func (f *valveFile) WriteAt(p []byte, off int64) (int, error) {
	f.valve.writes.pass()
	return f.File.WriteAt(p, off)
}

func (f *valveFile) Sync() error {
	f.valve.syncs.pass()
	return f.File.Sync()
}
