package recovery

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

func TestLockNamesTheHolder(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	for dir, fsys := range map[string]vfs.FS{"x": crashfs.New(), t.TempDir(): vfs.OS()} {
		c, err := Lock(fsys, dir)
		if err != nil {
			t.Fatal(err)
		}
		var used *InUseError
		_, err = Lock(fsys, dir)
		if !errors.As(err, &used) || used.PID != pid || err.Error() != "data directory "+dir+" is in use by process "+pid {
			t.Fatalf("second lock: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c, err = Lock(fsys, dir)
		if err != nil {
			t.Fatalf("after release: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var used *InUseError
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(vfs.OS(), filepath.Join(file, "dir")); err == nil || errors.As(err, &used) {
		t.Errorf("a directory that cannot be: %v", err)
	}
	if e := (&InUseError{Dir: "x"}).Error(); e != "data directory x is in use by another process" {
		t.Error(e)
	}
}

// TestLockOutlivesItsFile: removing the file that names the holder gives no one
// the directory, whatever path leads there.
func TestLockOutlivesItsFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	held, err := Lock(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(filepath.Dir(dir), "link")
	if err := errors.Join(os.Remove(filepath.Join(dir, LockName)), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, link} {
		for name, lock := range map[string]func(vfs.FS, string) (vfs.Held, error){"lock": Lock, "share": Share} {
			var used *InUseError
			if _, err := lock(vfs.OS(), path); !errors.As(err, &used) || used.PID != "" || used.Holder() != "another process" {
				t.Errorf("%s %s: %v", name, path, err)
			}
		}
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(vfs.OS(), link)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLockKnowsOlderPrograms: their only lock was that of the file.
func TestLockKnowsOlderPrograms(t *testing.T) {
	for dir, fsys := range map[string]vfs.FS{"/data": crashfs.New(), t.TempDir(): vfs.OS()} {
		name := path.Join(dir, LockName)
		if err := fsys.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
		older, err := fsys.Lock(name, "77")
		if err != nil {
			t.Fatal(err)
		}
		for what, lock := range map[string]func(vfs.FS, string) (vfs.Held, error){"lock": Lock, "share": Share} {
			var used *InUseError
			if _, err := lock(fsys, dir); !errors.As(err, &used) || used.PID != "77" {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := older.Close(); err != nil {
			t.Fatal(err)
		}
		for what, lock := range map[string]func(vfs.FS, string) (vfs.Held, error){"lock": Lock, "share": Share} {
			held, err := lock(fsys, dir)
			if err != nil {
				t.Fatalf("%s: what was refused stays locked: %v", what, err)
			}
			var locked *vfs.LockedError
			if _, err := fsys.Lock(name, "78"); !errors.As(err, &locked) {
				t.Errorf("%s: an older program got in: %v", what, err)
			}
			if err := held.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestShare: many may read, and no server starts meanwhile.
func TestShare(t *testing.T) {
	for dir, fsys := range map[string]vfs.FS{"/data": crashfs.New(), t.TempDir(): vfs.OS()} {
		held, err := Lock(fsys, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		one, err := Share(fsys, dir)
		if err != nil {
			t.Fatal(err)
		}
		two, err := Share(fsys, dir)
		if err != nil {
			t.Fatal(err)
		}
		const want = " is being read by another process, which backs it up or checks it"
		if _, err := Lock(fsys, dir); err == nil || err.Error() != "data directory "+dir+want {
			t.Errorf("a server among readers: %v", err)
		}
		if err := errors.Join(one.Close(), two.Close()); err != nil {
			t.Fatal(err)
		}
		if held, err = Lock(fsys, dir); err != nil {
			t.Fatal(err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Share(vfs.OS(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// TestLockFileLeadsElsewhere: what it leads to is neither locked nor written.
func TestLockFileLeadsElsewhere(t *testing.T) {
	dir := t.TempDir()
	file, precious := filepath.Join(dir, LockName), filepath.Join(t.TempDir(), "precious")
	if err := errors.Join(os.WriteFile(precious, []byte("precious"), 0o600), os.Symlink(precious, file)); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(vfs.OS(), dir); err == nil || !strings.HasSuffix(err.Error(), file+" is not a regular file: remove it") {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(precious); string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	held, err := Lock(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLockWithoutItsFile: a file system that takes no new file does not keep the
// directory from being locked; a file that is there and cannot be locked does.
func TestLockWithoutItsFile(t *testing.T) {
	for _, errno := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EACCES} {
		inner := crashfs.New()
		fsys := errfs.New(inner, &errfs.Injector{Ops: errfs.Lock, Nth: 1, Sticky: true, Err: errno})
		held, err := Lock(fsys, "/data")
		if err != nil {
			t.Fatalf("%v: %v", errno, err)
		}
		var used *InUseError
		if _, err := Lock(inner, "/data"); !errors.As(err, &used) || used.PID != "" {
			t.Errorf("%v: a second one: %v", errno, err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := inner.Create("/data/" + LockName)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Lock(fsys, "/data"); !errors.Is(err, errno) {
			t.Errorf("%v: the file is there: %v", errno, err)
		}
		held, err = Lock(inner, "/data")
		if err != nil {
			t.Fatalf("%v: what was refused stays locked: %v", errno, err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDataDirCheck: a server notices that its directory was moved.
func TestDataDirCheck(t *testing.T) {
	if c := DataDirCheck(nil)(); c.Status != health.Healthy {
		t.Errorf("without a lock: %+v", c)
	}
	dir := filepath.Join(t.TempDir(), "data")
	held, err := Lock(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	check := DataDirCheck(held)
	if c := check(); c.Status != health.Healthy {
		t.Errorf("as it was: %+v", c)
	}
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	for what, then := range map[string]func() error{"moved": func() error { return nil }, "replaced": func() error { return os.MkdirAll(dir, 0o700) }} {
		if err := then(); err != nil {
			t.Fatal(err)
		}
		if c := check(); c.Status != health.Unhealthy || !strings.Contains(c.Reason, dir) {
			t.Errorf("%s: %+v", what, c)
		}
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(dir+".moved", dir)); err != nil {
		t.Fatal(err)
	}
	if c := check(); c.Status != health.Healthy {
		t.Errorf("moved back: %+v", c)
	}
	c := DataDirCheck(unreadable{held})()
	if c.Status != health.Degraded || !strings.Contains(c.Reason, "permission denied") {
		t.Errorf("when it cannot be looked at: %+v", c)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if c := check(); c.Status != health.Healthy {
		t.Errorf("after the end: %+v", c)
	}
}

// unreadable is a lock whose path cannot be looked at.
type unreadable struct{ vfs.Held }

func (unreadable) Check() error { return syscall.EACCES }

func TestBootID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "boot_id")
	if _, err := BootID(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	for content, want := range map[string]string{"abc-1\n": "abc-1", "\n": ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := BootID(file)
		if id != want || (err == nil) != (want != "") {
			t.Errorf("%q gave %q, %v", content, id, err)
		}
	}
}
