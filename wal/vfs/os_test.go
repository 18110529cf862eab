package vfs_test

import (
	"os"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

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

// TestLockedErrorText is what an operator reads.
func TestLockedErrorText(t *testing.T) {
	for err, want := range map[vfs.LockedError]string{
		{Name: "d/.lock", Owner: "pid 7"}: "locked: d/.lock is held by pid 7",
		{Name: "d/.lock"}:                 "locked: d/.lock is held",
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
