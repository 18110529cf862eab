package repair_test

import (
	"errors"
	"path"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// damages are the ways to harm a file, within its used bytes.
var damages = map[string]func(f vfs.File, used int64) error{
	"flip": func(f vfs.File, used int64) error {
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, used/2); err != nil {
			return err
		}
		b[0] ^= 0x10
		_, err := f.WriteAt(b, used/2)
		return err
	},
	"head": func(f vfs.File, _ int64) error {
		_, err := f.WriteAt([]byte("damaged!"), 0)
		return err
	},
	"zero": func(f vfs.File, used int64) error {
		_, err := f.WriteAt(make([]byte, min(200, used/2)), used/2)
		return err
	},
	"cut": func(f vfs.File, used int64) error { return f.Truncate(used / 2) },
}

// harm does that to a file, or deletes it.
func (w *world) harm(t *testing.T, name, how string) {
	t.Helper()
	fsys, used := w.fs, w.used[name]
	if how == "delete" {
		if err := fsys.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := fsys.SyncDir(path.Dir(name)); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if used == 0 {
		if used, err = f.Size(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(damages[how](f, used), f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
