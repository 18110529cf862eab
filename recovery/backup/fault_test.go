package backup_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// small makes a closed directory with segments, hot and cold, and a log, and a
// backup of it. It returns the contents of both.
func small(t *testing.T) (*world, *crashfs.FS, string) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 21)
	for range 3 {
		w.steps(20)
		w.upkeep()
	}
	w.steps(10)
	w.close()
	w.open() // drops ephemeral records
	w.steps(10)
	w.backup("/backup")
	text := dump(t, w.data.Registry)
	return w, fsys, text
}

// allOrNothing holds that a directory cannot be opened, is empty, or is
// complete.
func (w *world) allOrNothing(fsys *crashfs.FS, dir, want string) (whole bool) {
	w.t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		return false
	}
	files := 0
	for _, name := range names {
		inside, err := fsys.List(path.Join(dir, name))
		if files += len(inside); err != nil && name != recovery.LockName && name != manifest.TempName {
			files++
		}
	}
	if files == 0 {
		return false
	}
	o := options(fsys, dir, func() int64 { return w.now })
	o.Storage.ColdDir, o.Storage.ArchiveDir = "", ""
	data, err := recovery.Run(context.Background(), o)
	if err != nil {
		if !errors.Is(err, manifest.ErrUnfinished) {
			w.t.Fatalf("%v (files %v)", err, names)
		}
		return false
	}
	same(w.t, "it opens", want, dump(w.t, data.Registry))
	return true
}

func TestRestoreOnABadDisk(t *testing.T) {
	w, fsys, text := small(t)
	fsys = fsys.Kill()
	for n := 1; ; n++ {
		inner := fsys.Clone()
		inj := &errfs.Injector{Nth: n, Short: true, Sticky: n%3 == 0}
		_, err := restoreTo(errfs.New(inner, inj), backup.Until{}, "/archive", "/data/wal")
		if !inj.Fired() {
			if err != nil {
				t.Fatal(err)
			}
			if n < 100 {
				t.Fatalf("only %d operations", n)
			}
			return
		}
		if !errors.Is(err, errfs.ErrInjected) {
			t.Fatalf("operation %d (%v) failed, and restore says %v", n, inj.Failed(), err)
		}
		w.allOrNothing(inner, "/restored", text)
	}
}

func TestRestoreOnAFullDisk(t *testing.T) {
	w, fsys, text := small(t)
	fsys = fsys.Kill()
	for n := 5; ; n += 7 {
		inner := fsys.Clone()
		inj := &errfs.Injector{Nth: n, Ops: errfs.Create | errfs.Write, Sticky: true, Err: syscall.ENOSPC}
		_, err := restoreTo(errfs.New(inner, inj), backup.Until{}, "/archive")
		if !inj.Fired() {
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("operation %d: %v", n, err)
		}
		if !w.allOrNothing(inner, "/restored", text) { // it can be retried
			if _, err := restoreTo(inner, backup.Until{}, "/archive"); err != nil {
				t.Fatalf("again: %v", err)
			}
		}
	}
}

func TestRestoreThroughCrashes(t *testing.T) {
	w, fsys, text := small(t)
	fsys = fsys.Kill()
	rng := rand.New(rand.NewPCG(2, 2))
	for n := 1; ; n++ {
		at := fsys.Clone()
		at.CrashAfter(n)
		_, err := restoreTo(at, backup.Until{}, "/archive", "/data/wal")
		crashed := at.Crashed()
		if crashed != (err != nil) && crashed { // what follows the last promise may be lost unnoticed
			crashed = false
		}
		if whole := w.allOrNothing(at.Crash(rng), "/restored", text); err == nil && !whole {
			t.Fatalf("crash at operation %d: restored, and gone", n)
		}
		if !crashed && err == nil {
			return
		}
	}
}

func TestCopyOnABadDisk(t *testing.T) {
	w, fsys, text := small(t)
	w.close()
	fsys = fsys.Kill()
	for n := 1; ; n++ {
		inner := fsys.Clone()
		inj := &errfs.Injector{Nth: n, Short: true, Sticky: n%3 == 0}
		_, err := backup.Copy(context.Background(), copying(errfs.New(inner, inj), "/data", "/cold", "/copy"))
		if !inj.Fired() {
			if err != nil || n < 50 {
				t.Fatalf("%d operations: %v", n, err)
			}
			return
		}
		if !errors.Is(err, errfs.ErrInjected) {
			t.Fatalf("operation %d (%v) failed, and the copy says %v", n, inj.Failed(), err)
		}
		w.completeOrNone(inner, "/copy", text)
	}
}

func TestCopyThroughCrashes(t *testing.T) {
	w, fsys, text := small(t)
	w.close()
	fsys = fsys.Kill()
	rng := rand.New(rand.NewPCG(3, 3))
	for n := 1; ; n++ {
		at := fsys.Clone()
		at.CrashAfter(n)
		_, err := backup.Copy(context.Background(), copying(at, "/data", "/cold", "/copy"))
		after := at.Crash(rng)
		if w.completeOrNone(after, "/copy", text); err == nil {
			if _, err := backup.Read(after, "/copy"); err != nil {
				t.Fatalf("crash at operation %d: done, and gone: %v", n, err)
			}
			return
		}
	}
}

// completeOrNone holds that a directory with a description is a complete
// backup.
func (w *world) completeOrNone(fsys *crashfs.FS, dir, want string) {
	w.t.Helper()
	if _, err := backup.Read(fsys, dir); err != nil {
		return
	}
	if _, err := backup.Restore(context.Background(), backup.Restoring{FS: fsys, From: dir, To: "/restored"}); err != nil {
		w.t.Fatal(err)
	}
	same(w.t, "the copy", want, w.restored(fsys, "/restored"))
}

// Every file of a backup is verified before anything is written.
func TestDamagedBackup(t *testing.T) {
	_, fsys, _ := small(t)
	d, err := backup.Read(fsys, "/backup")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(d.Files, backup.File{Name: backup.Name, Size: 100}) {
		for _, how := range []string{"flipped", "cut", "gone"} {
			at := fsys.Clone()
			name := path.Join("/backup", f.Name)
			if how == "gone" {
				if err := at.Remove(name); err != nil {
					t.Fatal(err)
				}
			} else if how == "flipped" {
				flip(t, at, name, f.Size/2)
			} else {
				truncate(t, at, name)
			}
			_, err := restoreTo(at, backup.Until{})
			if err == nil || !strings.Contains(err.Error(), f.Name) {
				t.Fatalf("%s %s: %v", f.Name, how, err)
			}
			if _, err := at.List("/restored"); err == nil {
				t.Fatalf("%s %s: the directory was made", f.Name, how)
			}
		}
	}
}

func truncate(t *testing.T, fsys vfs.FS, name string) {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err == nil {
		err = f.Truncate(size - 1)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A tar that was truncated or changed anywhere is not accepted as a backup.
func TestDamagedTar(t *testing.T) {
	w, _, _ := small(t)
	var tar bytes.Buffer
	if _, err := backup.Stream(context.Background(), w.data.Store, &tar); err != nil {
		t.Fatal(err)
	}
	text := dump(t, w.data.Registry)
	unpack := func(b []byte) (*crashfs.FS, error) {
		at := crashfs.New()
		_, err := backup.Unpack(context.Background(), at, "/copy", bytes.NewReader(b))
		if _, rerr := backup.Read(at, "/copy"); (err == nil) != (rerr == nil) {
			t.Fatalf("unpacking says %v, and reading %v", err, rerr)
		}
		return at, err
	}
	whole := tar.Bytes()
	for n := 0; n < len(whole)-3*512; n += 211 { // a tar ends with blocks of zeros
		if _, err := unpack(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes are enough", n, len(whole))
		}
	}
	for i := 0; i < len(whole); i += 131 {
		b := bytes.Clone(whole)
		b[i] ^= 1
		if at, err := unpack(b); err == nil {
			w.completeOrNone(at, "/copy", text)
		}
	}
}

func TestRefusesADirectoryInUse(t *testing.T) {
	w, fsys, _ := small(t)
	_, err := backup.Copy(context.Background(), copying(fsys, "/data", "/cold", "/copy"))
	if inUse := new(recovery.InUseError); !errors.As(err, &inUse) {
		t.Errorf("copying a directory in use: %v", err)
	}
	if _, err := backup.Copy(context.Background(), copying(fsys, "/nowhere", "", "/copy")); err == nil {
		t.Error("copied what is not there")
	}
	w.close()
	if _, err := backup.Copy(context.Background(), copying(fsys, "/data", "", "/copy")); err == nil || !strings.Contains(err.Error(), "cold") {
		t.Errorf("without its cold directory: %v", err)
	}
	for _, to := range []string{"/data", "/backup"} {
		if _, err := backup.Copy(context.Background(), copying(fsys, "/data", "/cold", to)); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("backup to %s: %v", to, err)
		}
		_, err := backup.Restore(context.Background(), backup.Restoring{FS: fsys, From: "/backup", To: to})
		if err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("restore to %s: %v", to, err)
		}
	}
}
