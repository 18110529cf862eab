package backup_test

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// The source may be on a read-only file system: neither a backup of a stopped
// data directory nor a restore modifies what it reads.
func TestSourcesAreOnlyRead(t *testing.T) {
	inner := crashfs.New()
	w := newWorld(t, inner, 3)
	w.steps(40)
	w.upkeep()
	w.steps(20)
	w.close()
	inner = inner.Kill()
	if err := inner.Remove("/data/.topics.lock"); err != nil { // no lock file is created either
		t.Fatal(err)
	}
	readOnly := func(dirs ...string) (vfs.FS, *errfs.Injector) {
		inj := &errfs.Injector{Ops: errfs.Mutating, Nth: 1, Sticky: true, Err: syscall.EROFS, Only: func(name string) bool {
			for _, dir := range dirs {
				if name == dir || strings.HasPrefix(name, dir+"/") {
					return true
				}
			}
			return false
		}}
		return errfs.New(inner, inj), inj
	}
	fsys, inj := readOnly("/data", "/cold")
	if _, err := backup.Copy(context.Background(), copying(fsys, "/data", "/cold", "/backup")); err != nil || inj.Fired() {
		t.Fatalf("backup: %v, %v", err, inj.Failed())
	}
	if got := files(t, inner, "/data"); strings.Contains(got, ".topics.lock") {
		t.Errorf("the data directory has %s", got)
	}
	fsys, inj = readOnly("/data", "/cold", "/backup", "/archive")
	if _, err := backup.Restore(context.Background(), backup.Restoring{FS: fsys, From: "/backup", To: "/restored", Archives: []string{"/archive", "/data/wal"}, BootID: "boot", Mount: "mount"}); err != nil || inj.Fired() {
		t.Fatalf("restore: %v, %v", err, inj.Failed())
	}
	got := w.restored(inner, "/restored")
	w.fs = inner
	w.open()
	same(t, "restored", dump(t, w.data.Registry), got)
}

func files(t *testing.T, fsys vfs.FS, dir string) string {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// Each directory may be the root of a volume, which has a lost+found.
func TestVolumeRoots(t *testing.T) {
	fsys := crashfs.New()
	for _, dir := range []string{"/data", "/data/wal", "/data/segments", "/data/checkpoints", "/cold", "/archive", "/backup", "/restored", "/restored/wal"} {
		if err := fsys.MkdirAll(dir + "/lost+found"); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, fsys, 1)
	if f := w.data.Report.ManifestFallback; f != "" {
		t.Errorf("a new directory: %s", f)
	}
	w.steps(40)
	w.upkeep()
	w.steps(20)
	w.backup("/backup")
	want := dump(t, w.data.Registry)
	if _, err := restoreTo(fsys, backup.Until{}, "/archive"); err != nil {
		t.Fatal(err)
	}
	same(t, "restored", want, w.restored(fsys, "/restored"))
	w.close()
	w.open()
	same(t, "opened again", want, dump(t, w.data.Registry))
}
