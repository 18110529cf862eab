//go:build unix

package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/e6e95bb8/topics/wal/vfs"
)

func tempDir(t *testing.T) string { return t.TempDir() }

// TestOSModes holds the permissions, which only the real file system has.
func TestOSModes(t *testing.T) {
	root := t.TempDir() + "/x/y"
	c := &checker{t, vfs.OS(), root}
	c.ok(c.fs.MkdirAll(root))
	c.file("file", "")
	held, err := c.fs.Lock(c.path("lock"), "")
	c.ok(err)
	defer held.Close()
	for name, want := range map[string]os.FileMode{
		root: 0o700, root + "/..": 0o700, c.path("file"): 0o600, c.path("lock"): 0o600,
	} {
		info, err := os.Stat(name)
		c.ok(err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", name, info.Mode().Perm(), want)
		}
	}
}

// TestLockTakesOnlyFiles: a lock file that leads elsewhere is neither followed
// nor waited for.
func TestLockTakesOnlyFiles(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	c := &checker{t, vfs.OS(), dir}
	c.file("precious", "precious")
	c.ok(os.Symlink(precious, c.path("link")))
	c.ok(os.Symlink(c.path("none"), c.path("dangling")))
	c.ok(unix.Mkfifo(c.path("pipe"), 0o600))
	for _, name := range []string{"link", "dangling", "pipe"} {
		_, lockErr := c.fs.Lock(c.path(name), "1")
		_, holdErr := c.fs.Hold(c.path(name), vfs.Shared)
		if name == "dangling" && errors.Is(holdErr, fs.ErrNotExist) {
			holdErr = lockErr // there is nothing to lock, and nothing is made
		}
		for _, err := range []error{lockErr, holdErr} {
			var e *vfs.NotRegularError
			if !errors.As(err, &e) || e.Name != c.path(name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	c.holds("precious", "precious")
	c.lists(dir, "dangling", "link", "pipe", "precious")
}

// TestHoldIsTheInodes: every path to a directory is the same lock, and a
// directory that takes its place is another one.
func TestHoldIsTheInodes(t *testing.T) {
	c := &checker{t, vfs.OS(), t.TempDir()}
	c.ok(c.fs.MkdirAll(c.path("data")))
	c.ok(os.Symlink("data", c.path("link")))
	held, err := c.fs.Hold(c.path("data"), vfs.Exclusive)
	c.ok(err)
	defer held.Close()
	for _, name := range []string{"link", "./data/../data", "link/."} {
		var e *vfs.LockedError
		if _, err := c.fs.Hold(c.root+"/"+name, vfs.Shared); !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.ok(held.Check())
	c.ok(os.Rename(c.path("data"), c.path("moved")))
	c.replaced(held)
	c.ok(os.Mkdir(c.path("data"), 0o700))
	c.replaced(held)
	other, err := c.fs.Hold(c.path("data"), vfs.Exclusive)
	c.ok(err)
	c.ok(other.Close())
	c.ok(os.Remove(c.path("data")))
	c.ok(os.Rename(c.path("moved"), c.path("data")))
	c.ok(held.Check())
}

// TestLockWithoutItsText: where nothing can be written the lock is held all the
// same, and the text of an earlier holder does not stay.
func TestLockWithoutItsText(t *testing.T) {
	c := &checker{t, vfs.OS(), t.TempDir()}
	c.file("lock", "earlier")
	c.file("new", "")
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var limit unix.Rlimit
	c.ok(unix.Getrlimit(unix.RLIMIT_FSIZE, &limit))
	none := limit
	none.Cur = 0
	c.ok(unix.Setrlimit(unix.RLIMIT_FSIZE, &none))
	var all []vfs.Held
	var errs []error
	for _, name := range []string{"lock", "new"} {
		held, err := c.fs.Lock(c.path(name), "pid")
		all, errs = append(all, held), append(errs, err)
	}
	c.ok(unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	c.ok(errors.Join(errs...))
	for i, name := range []string{"lock", "new"} {
		c.holds(name, "")
		var e *vfs.LockedError
		if _, err := c.fs.Lock(c.path(name), "other"); !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
		c.ok(all[i].Close())
	}
}
