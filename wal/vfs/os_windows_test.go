package vfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// tempDir is t.TempDir, but removes the directory by the means of this package: the
// package os does it by a request that Wine does not know.
func tempDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "vfs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := empty(dir); err != nil {
			t.Errorf("remove what the test made: %v", err)
		}
	})
	return dir
}

// empty removes a directory with all that is in it.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			err = errors.Join(err, empty(name))
		} else {
			err = errors.Join(err, vfs.OS().Remove(name))
		}
	}
	p, nameErr := windows.UTF16PtrFromString(dir)
	return errors.Join(err, nameErr, windows.RemoveDirectory(p))
}

// TestBackslashes: an operator's paths have them, and are the same files.
func TestBackslashes(t *testing.T) {
	root := tempDir(t)
	c := &checker{t, vfs.OS(), filepath.ToSlash(root)}
	c.ok(c.fs.MkdirAll(root + `\x\y`))
	c.lists(c.path("x"), "y")
	c.file("a", "text")
	c.ok(c.fs.Rename(root+`\a`, c.path("b")))
	c.holds("b", "text")
	c.ok(c.fs.SyncDir(root))
}

// TestOpenFilesAreReplaced: renaming over a file that is read, as for a manifest,
// works as elsewhere.
func TestOpenFilesAreReplaced(t *testing.T) {
	c := &checker{t, vfs.OS(), filepath.ToSlash(tempDir(t))}
	c.file("a", "later")
	c.file("b", "earlier")
	reader, err := c.fs.OpenRead(c.path("b"))
	c.ok(err)
	defer reader.Close()
	c.ok(c.fs.Rename(c.path("a"), c.path("b")))
	c.holds("b", "later")
	c.lists(c.root, "b")
}

// TestLinksAreNotLocked: a lock file that is a link is not followed.
func TestLinksAreNotLocked(t *testing.T) {
	c := &checker{t, vfs.OS(), filepath.ToSlash(tempDir(t))}
	c.file("precious", "precious")
	err := os.Symlink(c.path("precious"), c.path("link"))
	info, statErr := os.Lstat(c.path("link"))
	if err != nil || statErr != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Skip("this user or system makes no symbolic links: ", err, statErr)
	}
	var e *vfs.NotRegularError
	if _, err := c.fs.Lock(c.path("link"), "1"); !errors.As(err, &e) {
		t.Errorf("lock: %v", err)
	}
	if _, err := c.fs.Hold(c.path("link"), vfs.Shared); !errors.As(err, &e) {
		t.Errorf("hold: %v", err)
	}
	c.holds("precious", "precious")
}
