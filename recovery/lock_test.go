package recovery

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

func TestLockNamesTheHolder(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	for dir, fsys := range map[string]vfs.FS{"x": newMemFS(), t.TempDir(): vfs.OS()} {
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
