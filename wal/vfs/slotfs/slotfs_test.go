package slotfs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
	"github.com/e6e95bb8/topics/wal/vfs/hangfs"
	"github.com/e6e95bb8/topics/wal/vfs/slotfs"
)

// world has a file of one byte in each of two directories, one of which lies
// in the other.
type world struct {
	disk *hangfs.FS
	fs   *slotfs.FS
	data vfs.File
	cold vfs.File
}

func newWorld(t *testing.T, reads int) *world {
	t.Helper()
	w := &world{disk: hangfs.New(crashfs.New())}
	w.fs = slotfs.New(w.disk, reads, "./data", "data/cold/", "")
	make := func(dir string) vfs.File {
		if err := w.fs.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
		f, err := w.fs.Create(dir + "/f")
		if err == nil {
			_, err = f.WriteAt([]byte("x"), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	w.data, w.cold = make("data"), make("data/cold")
	return w
}

func read(f vfs.File) error { return readWithin(context.Background(), f) }

func readWithin(ctx context.Context, f vfs.File) error {
	var b [1]byte
	_, err := vfs.ReadAt(ctx, f, b[:], 0)
	return err
}

// A directory that hangs takes its own slots only, whatever the number of
// readers; those that wait give up with their context.
func TestADirectoryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots, readers = 3, 50
		w := newWorld(t, slots)
		hang := w.disk.Hang(errfs.Read, "data/cold")
		var wg sync.WaitGroup
		for range readers {
			wg.Go(func() {
				if err := read(w.cold); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := hang.Waiting(); n != slots {
			t.Errorf("%d reads are in the kernel", n)
		}
		if s := w.fs.Stats("data/cold"); s != (slotfs.Stats{Reading: slots, Waiting: readers - slots, Slots: slots}) {
			t.Errorf("stats %+v", s)
		}
		if s := w.fs.Total(); s != (slotfs.Stats{Reading: slots, Waiting: readers - slots, Slots: 3 * slots}) {
			t.Errorf("total %+v", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := readWithin(ctx, w.cold); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		began = time.Now()
		if err := readWithin(t.Context(), w.cold); !errors.Is(err, vfs.ErrBusy) || time.Since(began) != 30*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		for range 2 * slots {
			if err := read(w.data); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(11 * time.Second)
		if cold, data := w.fs.Oldest("data/cold"), w.fs.Oldest("data"); cold != 42*time.Second || data != 0 {
			t.Errorf("under way for %s in cold, %s in data", cold, data)
		}
		hang.Release()
		wg.Wait()
		if s := w.fs.Stats("data/cold"); s.Reading != 0 || s.Waiting != 0 || w.fs.Oldest("data/cold") != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// recorder notes the offsets of the reads that reach it.
type recorder struct {
	vfs.FS
	offsets []int64
}

func (r *recorder) Open(name string) (vfs.File, error) {
	f, err := r.FS.Open(name)
	return &recordedFile{f, r}, err
}

type recordedFile struct {
	vfs.File
	to *recorder
}

func (f *recordedFile) ReadAt(p []byte, off int64) (int, error) {
	f.to.offsets = append(f.to.offsets, off) // with one slot there is one at a time
	return f.File.ReadAt(p, off)
}

func TestReadsWaitInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const readers = 30
		disk := hangfs.New(crashfs.New())
		r := &recorder{FS: disk}
		fsys := slotfs.New(r, 1, "data")
		if err := fsys.MkdirAll("data"); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFileAtomic(fsys, "data", "f", "tmp", make([]byte, readers)); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Open("data/f")
		if err != nil {
			t.Fatal(err)
		}
		hang := disk.Hang(errfs.Read, "data")
		var want []int64
		var wg sync.WaitGroup
		for off := range int64(readers) {
			wg.Go(func() {
				if _, err := f.ReadAt(make([]byte, 1), off); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			want = append(want, off)
		}
		hang.Release()
		wg.Wait()
		if !slices.Equal(r.offsets, want) {
			t.Errorf("served in the order %v", r.offsets)
		}
	})
}

// Every operation that hangs is known for as long as it does, and no other
// than reads waits for a slot.
func TestOldestKnowsEveryOperation(t *testing.T) {
	for _, row := range []struct {
		name string
		op   errfs.Op
		do   func(*world) error
	}{
		{"create", errfs.Create, func(w *world) error { _, err := w.fs.Create("data/new"); return err }},
		{"open", errfs.Open, func(w *world) error { _, err := w.fs.Open("data/f"); return err }},
		{"open for reading", errfs.Open, func(w *world) error { _, err := w.fs.OpenRead("data/f"); return err }},
		{"read", errfs.Read, func(w *world) error { return read(w.data) }},
		{"size", errfs.Read, func(w *world) error { _, err := w.data.Size(); return err }},
		{"write", errfs.Write, func(w *world) error { _, err := w.data.WriteAt([]byte("y"), 0); return err }},
		{"sync", errfs.Sync, func(w *world) error { return w.data.Sync() }},
		{"truncate", errfs.Truncate, func(w *world) error { return w.data.Truncate(0) }},
		{"remove", errfs.Remove, func(w *world) error { return w.fs.Remove("data/f") }},
		{"rename", errfs.Rename, func(w *world) error { return w.fs.Rename("data/f", "data/g") }},
		{"list", errfs.List, func(w *world) error { _, err := w.fs.List("data"); return err }},
		{"peek", errfs.List, func(w *world) error { return vfs.Peek(w.fs, "data") }},
		{"mkdir", errfs.MkdirAll, func(w *world) error { return w.fs.MkdirAll("data/d") }},
		{"sync the directory", errfs.SyncDir, func(w *world) error { return w.fs.SyncDir("data") }},
		{"lock", errfs.Lock, func(w *world) error { _, err := w.fs.Lock("data/lock", "me"); return err }},
		{"hold", errfs.Hold, func(w *world) error { _, err := w.fs.Hold("data", vfs.Shared); return err }},
		{"free", errfs.Free, func(w *world) error { _, _, err := w.fs.Free("data"); return err }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				hang := w.disk.Hang(row.op, "data")
				done := make(chan error)
				for range 2 {
					go func() { done <- row.do(w) }()
				}
				time.Sleep(5 * time.Second)
				if got := w.fs.Oldest("data"); got != 5*time.Second {
					t.Errorf("under way for %s", got)
				}
				want := 2
				if row.name == "read" {
					want = 1
				}
				if n := hang.Waiting(); n != want {
					t.Errorf("%d are in the kernel", n)
				}
				hang.Release()
				<-done
				<-done
				if got := w.fs.Oldest("data"); got != 0 {
					t.Errorf("afterwards: %s", got)
				}
			})
		})
	}
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	for _, fsys := range []vfs.FS{vfs.OS(), slotfs.New(vfs.OS(), 64, dir)} {
		b.Run(fmt.Sprintf("%T", fsys), func(b *testing.B) {
			f, err := fsys.Open(dir + "/f")
			if err != nil {
				if f, err = fsys.Create(dir + "/f"); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := f.WriteAt(make([]byte, 4096), 0); err != nil {
				b.Fatal(err)
			}
			b.RunParallel(func(pb *testing.PB) {
				var buf [4096]byte
				for pb.Next() {
					if _, err := f.ReadAt(buf[:], 0); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
