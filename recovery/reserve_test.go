package recovery

import (
	"errors"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// On a disk without a free byte the manifest can still be replaced, once, and
// the reserve is laid up again when there is space.
func TestManifestOnAFullDisk(t *testing.T) {
	fsys := crashfs.New()
	if err := fsys.MkdirAll("/data"); err != nil {
		t.Fatal(err)
	}
	m := Manifest{LogID: 1, BootID: "one"}
	if err := replaceManifest(fsys, "/data", &m); err != nil {
		t.Fatal(err)
	}
	fsys.SetCapacity(filesSize(t, fsys))
	m.BootID = "two"
	if err := WriteManifest(fsys, "/data", &m); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("without a reserve: %v", err)
	}
	if err := replaceManifest(fsys, "/data", &m); err != nil {
		t.Fatalf("with the reserve: %v", err)
	}
	got, err := ReadManifest(fsys, "/data")
	if err != nil || got.BootID != "two" {
		t.Fatalf("%+v, %v", got, err)
	}
	fsys.SetCapacity(0)
	if err := replaceManifest(fsys, "/data", &m); err != nil {
		t.Fatal(err)
	}
	fsys.SetCapacity(filesSize(t, fsys))
	m.BootID = "three"
	if err := replaceManifest(fsys, "/data", &m); err != nil {
		t.Fatalf("the reserve was not laid up again: %v", err)
	}
}

// filesSize is what all files together take.
func filesSize(t *testing.T, fsys *crashfs.FS) (sum int64) {
	t.Helper()
	names, err := fsys.List("/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := fsys.Open("/data/" + name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		sum += n
		f.Close()
	}
	return sum
}
