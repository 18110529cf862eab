package backup_test

import (
	"path"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

func TestUntilRefuses(t *testing.T) {
	fsys := crashfs.New()
	_, d, moments := history(t, fsys, 11, 60)
	fsys = fsys.Kill()
	for _, c := range []struct {
		name  string
		until backup.Until
		spoil func(*crashfs.FS)
		want  string
	}{
		{"a position in the backup", backup.Until{LSN: wal.LSN(d.Checkpoint.Through) - 8}, nil, "take an earlier backup"},
		{"a time before the backup", backup.Until{Time: moments[0].time - 100}, nil, "take an earlier backup"},
		{"no archived file", backup.Until{}, func(f *crashfs.FS) { drop(t, f, "/archive", 2) }, "is missing"},
		{"another history", backup.Until{}, func(f *crashfs.FS) { spoil(t, f, "/archive", 0) }, "differ"},
		{"a damaged archive", backup.Until{}, func(f *crashfs.FS) { spoil(t, f, "/archive", 2) }, "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := fsys.Clone()
			if c.spoil != nil {
				c.spoil(at)
			}
			_, err := restoreTo(at, c.until, "/archive")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			mustBeEmpty(t, at, "/restored")
		})
	}
}

// newer returns the full names of the log files in dir that the backup needs.
func newer(t *testing.T, fsys vfs.FS, dir string) (names []string) {
	t.Helper()
	d, err := backup.Read(fsys, "/backup")
	if err != nil {
		t.Fatal(err)
	}
	all, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if index, ok := wal.ParseName(name); ok && index >= d.Checkpoint.File {
			names = append(names, path.Join(dir, name))
		}
	}
	return names
}

func drop(t *testing.T, fsys vfs.FS, dir string, i int) {
	t.Helper()
	if err := fsys.Remove(newer(t, fsys, dir)[i]); err != nil {
		t.Fatal(err)
	}
}

// spoil changes a byte of a log file's first frame.
func spoil(t *testing.T, fsys vfs.FS, dir string, i int) {
	t.Helper()
	flip(t, fsys, newer(t, fsys, dir)[i], wal.HeaderSize+40)
}

func flip(t *testing.T, fsys vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// mustBeEmpty holds that a restore that was refused left no files except the
// lock.
func mustBeEmpty(t *testing.T, fsys vfs.FS, dir string) {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		return // it was never created
	}
	for _, name := range names {
		if name == recovery.LockName {
			continue
		}
		inside, err := fsys.List(path.Join(dir, name))
		if err != nil || len(inside) > 0 {
			t.Fatalf("%s has %s: %v", dir, name, inside)
		}
	}
}
