package manifest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// withReserve makes a directory with a manifest and the reserves.
func withReserve(t *testing.T) (*crashfs.FS, *Reserve) {
	t.Helper()
	fsys := crashfs.New()
	if err := fsys.MkdirAll("/data"); err != nil {
		t.Fatal(err)
	}
	s := NewReserve(fsys, "/data", 0)
	if err := s.WriteManifest(numbered(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Missing(); err != nil {
		t.Fatal(err)
	}
	return fsys, s
}

func numbered(n int) *Manifest { return &Manifest{LogID: 1, BootID: fmt.Sprint(n)} }

// thief takes every byte as soon as it is free, as a log that wants another
// file does.
type thief struct {
	*crashfs.FS
	t    *testing.T
	loot vfs.File
	size int64
}

func newThief(t *testing.T, fsys *crashfs.FS) *thief {
	f, err := fsys.Create("/data/loot")
	if err != nil {
		t.Fatal(err)
	}
	return &thief{FS: fsys, t: t, loot: f}
}

func (f *thief) steal() {
	free, _, err := f.Free("/data")
	if err == nil {
		f.size += int64(free)
		err = f.loot.Truncate(f.size)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *thief) Rename(from, to string) error {
	f.steal()
	return f.FS.Rename(from, to)
}

func (f *thief) Remove(name string) error {
	defer f.steal()
	return f.FS.Remove(name)
}

// On a disk without a free byte the manifest and the one before can be
// replaced, although whatever becomes free is taken at once, and the reserves
// are made again when there is space.
func TestManifestOnAFullDisk(t *testing.T) {
	fsys, s := withReserve(t)
	fsys.SetCapacity(filesSize(t, fsys))
	if err := Write(fsys, "/data", numbered(2)); !vfs.NoSpace(err) {
		t.Fatalf("without a reserve: %v", err)
	}
	thief := newThief(t, fsys)
	s.fsys = thief
	if err := s.WriteManifest(numbered(2)); err != nil {
		t.Fatal(err)
	}
	for base, want := range map[string]string{Name: "2", PrevName: "1"} {
		if got, err := ReadFile(fsys, "/data", base); err != nil || got.BootID != want {
			t.Fatalf("%s: %+v, %v", base, got, err)
		}
	}
	if s.Missing() == nil {
		t.Fatal("the reserves are spent, and it is not known")
	}
	s.fsys = fsys
	fsys.SetCapacity(0)
	if err := s.WriteManifest(numbered(3)); err != nil {
		t.Fatal(err)
	}
	if err := s.Missing(); err != nil {
		t.Fatal(err)
	}
	fsys.SetCapacity(filesSize(t, fsys))
	for n := range 10 { // as long as nobody takes what the last one gave back
		if err := s.WriteManifest(numbered(4 + n)); err != nil {
			t.Fatal(n, err)
		}
	}
}

// The reserves hardly wear out: whoever takes every byte that is free between
// replacements, on a file system that needs a block more each time, gets next
// to nothing.
func TestReserveUnderAThief(t *testing.T) {
	fsys, s := withReserve(t)
	full := filesSize(t, fsys)
	thief := newThief(t, fsys)
	for n := range 200 {
		fsys.SetCapacity(full - int64(n)*512)
		if err := s.WriteManifest(numbered(2 + n)); err != nil {
			t.Fatalf("replacement %d: %v", n, err)
		}
		thief.steal()
	}
}

// TestSpentReserve cuts the power at every operation of a replacement out of
// the reserve: the manifest is the old one or the new one, whole, and so is
// the one before it. What a cut leaves of the reserves does for the next one.
func TestSpentReserve(t *testing.T) {
	for cut := 0; ; cut += 1 + cut/30 { // most of the later ones lay up the reserve
		fsys, s := withReserve(t)
		full := filesSize(t, fsys)
		fsys.SetCapacity(full)
		fsys.CrashAfter(cut)
		err := s.WriteManifest(numbered(2))
		done := !fsys.Crashed()
		if done && err != nil {
			t.Fatal(err)
		}
		after := fsys.Crash(rand.New(rand.NewPCG(uint64(cut), 1)))
		m, err := Read(after, "/data")
		if err != nil || m == nil || m.Fallback != nil {
			t.Fatalf("cut %d: %+v, %v", cut, m, err)
		}
		if m.BootID != "1" && m.BootID != "2" || done && m.BootID != "2" {
			t.Fatalf("cut %d: boot %s", cut, m.BootID)
		}
		if prev, err := ReadFile(after, "/data", PrevName); !missing(err) && (err != nil || prev.BootID != "1") {
			t.Fatalf("cut %d: the one before: %+v, %v", cut, prev, err)
		}
		after.SetCapacity(max(filesSize(t, after), full))
		s = NewReserve(after, "/data", 0)
		if err := s.WriteManifest(numbered(3)); err != nil {
			t.Fatalf("cut %d, the next one: %v", cut, err)
		}
		if done {
			break
		}
	}
}

// The reserves survive a power cut once they are made, and what is missing
// of them is found by a later life.
func TestReserveIsDurable(t *testing.T) {
	fsys, _ := withReserve(t)
	fsys = fsys.Crash(rand.New(rand.NewPCG(1, 1)))
	for _, base := range []string{manifestReserve, previousReserve, snapshotReserve} {
		if size, err := fileSize(fsys, "/data/"+base); err != nil || size != ReserveBytes {
			t.Fatal(base, size, err)
		}
	}
	f, err := fsys.Open("/data/" + previousReserve)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(ReserveBytes / 2); err != nil {
		t.Fatal(err)
	}
	s := NewReserve(fsys, "/data", 0)
	if err := s.WriteManifest(numbered(2)); err != nil || s.Missing() != nil {
		t.Fatal(err, s.Missing())
	}
	if size, err := f.Size(); err != nil || size != ReserveBytes/2 {
		t.Fatal(size, err) // another file has the name
	}
	if size, err := fileSize(fsys, "/data/"+previousReserve); err != nil || size != ReserveBytes {
		t.Fatal(size, err)
	}
}

// filesSize is what all files together take.
func filesSize(t *testing.T, fsys vfs.FS) (sum int64) {
	t.Helper()
	names, err := fsys.List("/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		n, err := fileSize(fsys, "/data/"+name)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
