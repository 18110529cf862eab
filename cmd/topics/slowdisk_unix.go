//go:build unix

package main

import (
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// slowDisk is a file system whose reads of files below a directory take a time each,
// during which they hold a thread as on a slow disk.
type slowDisk struct {
	vfs.FS
	below string
	each  time.Duration
}

// OpenRead implements vfs.FS.
func (d slowDisk) OpenRead(name string) (vfs.File, error) { return d.slow(name)(d.FS.OpenRead(name)) }

// Open implements vfs.FS.
func (d slowDisk) Open(name string) (vfs.File, error) { return d.slow(name)(d.FS.Open(name)) }

func (d slowDisk) slow(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil || filepath.Dir(name) != filepath.Clean(d.below) {
			return f, err
		}
		return slowFile{f, d.each}, nil
	}
}

type slowFile struct {
	vfs.File
	each time.Duration
}

// ReadAt implements vfs.File.
func (f slowFile) ReadAt(p []byte, off int64) (int, error) {
	until := time.Now().Add(f.each)
	for left := f.each; left > 0; left = time.Until(until) {
		_, _ = unix.Poll(nil, int(left.Milliseconds())+1) // a signal may end it early
	}
	return f.File.ReadAt(p, off)
}
