// Package metered counts the bytes that go through a file system, to show how
// far long work has come.
package metered

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/e6e95bb8/topics/cmd/topics/terminal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// FS is a file system whose bytes are counted. Its methods may be called from
// any goroutine at once.
type FS struct {
	vfs.FS
	read, written atomic.Int64
}

// New returns a file system that does what inner does.
func New(inner vfs.FS) *FS { return &FS{FS: inner} }

// Create implements vfs.FS.
func (f *FS) Create(name string) (vfs.File, error) { return f.open(f.FS.Create(name)) }

// Open implements vfs.FS.
func (f *FS) Open(name string) (vfs.File, error) { return f.open(f.FS.Open(name)) }

// OpenRead implements vfs.FS.
func (f *FS) OpenRead(name string) (vfs.File, error) { return f.open(f.FS.OpenRead(name)) }

func (f *FS) open(inner vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &file{File: inner, fs: f}, nil
}

// file is a file whose bytes are counted.
type file struct {
	vfs.File
	fs *FS
}

// ReadAt implements vfs.File.
func (f *file) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(p, at)
	f.fs.read.Add(int64(n))
	return n, err
}

// WriteAt implements vfs.File.
func (f *file) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p, at)
	f.fs.written.Add(int64(n))
	return n, err
}

// Total is how many bytes are expected to be written; 0 means that it is unknown.
type Total int64

// redraw is the interval between two looks at the counts.
const redraw = 100 * time.Millisecond

// Show shows the progress of the command with that name on w until the returned
// function is called.
func (f *FS) Show(w io.Writer, name string, total Total) (stop func()) {
	progress := terminal.NewProgress(w, name, int64(total), false)
	began := time.Now()
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				progress.Show(f.written.Load(), func() string { return f.line(time.Since(began)) })
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
		progress.End()
	}
}

// line returns what has moved in that time.
func (f *FS) line(elapsed time.Duration) string {
	read, written := f.read.Load(), f.written.Load()
	perSecond := terminal.Bytes(int64(float64(max(read, written)) / elapsed.Seconds()))
	if written == 0 {
		return terminal.Bytes(read) + " read, " + perSecond + "/s"
	}
	return terminal.Bytes(written) + " written, " + perSecond + "/s"
}
