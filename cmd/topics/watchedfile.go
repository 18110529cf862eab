package main

import (
	"os"
)

// watchedFile is a file that is read again when it has changed: by a write, a
// rename over it, or a link to it that now leads elsewhere, as in a mounted
// Secret.
type watchedFile struct {
	name string
	used os.FileInfo // as it was when it was last read; nil if it could not be seen
	last os.FileInfo // as it was at the last look
}

func newWatchedFile(name string) *watchedFile {
	f := &watchedFile{name: name}
	f.used = f.look()
	f.last = f.used
	return f
}

// look returns the file's state, or nil if it cannot be seen. A file that is
// missing is taken for one that is about to be replaced.
func (f *watchedFile) look() os.FileInfo {
	info, err := os.Stat(f.name)
	if err != nil {
		return nil
	}
	return info
}

// changed reports whether the file differs from the one that was last read, and
// has not changed since the last look: a file that is being written is left
// alone until it is complete. A change is reported once.
func (f *watchedFile) changed() bool {
	now := f.look()
	settled := now != nil && alike(now, f.last)
	f.last = now
	if !settled || alike(now, f.used) {
		return false
	}
	f.used = now
	return true
}

// alike reports whether two states are of the same content, as far as the file
// system knows.
func alike(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
