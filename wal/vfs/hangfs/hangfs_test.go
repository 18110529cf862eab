package hangfs_test

import (
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
	"github.com/e6e95bb8/topics/wal/vfs/hangfs"
)

// operations are one call of every kind on the directory and on the open file
// in it.
func operations(fsys vfs.FS, dir string, f vfs.File) map[errfs.Op]func() error {
	ignore := func(c interface{ Close() error }, err error) error {
		if err == nil {
			err = c.Close()
		}
		return err
	}
	return map[errfs.Op]func() error{
		errfs.Create:   func() error { return ignore(fsys.Create(dir + "/made")) },
		errfs.Open:     func() error { return ignore(fsys.OpenRead(dir + "/file")) },
		errfs.Read:     func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		errfs.Write:    func() error { _, err := f.WriteAt([]byte("x"), 0); return err },
		errfs.Sync:     f.Sync,
		errfs.Truncate: func() error { return f.Truncate(1) },
		errfs.Remove:   func() error { return fsys.Remove(dir + "/old") },
		errfs.Rename:   func() error { return fsys.Rename(dir+"/from", dir+"/to") },
		errfs.SyncDir:  func() error { return fsys.SyncDir(dir) },
		errfs.List:     func() error { _, err := fsys.List(dir); return err },
		errfs.MkdirAll: func() error { return fsys.MkdirAll(dir + "/sub") },
		errfs.Lock:     func() error { return ignore(fsys.Lock(dir+"/lock", "me")) },
		errfs.Hold:     func() error { return ignore(fsys.Hold(dir, vfs.Shared)) },
		errfs.Free:     func() error { _, _, err := fsys.Free(dir); return err },
	}
}

// prepare makes the directory with the files that operations need.
func prepare(t *testing.T, fsys vfs.FS, dir string) vfs.File {
	t.Helper()
	if err := fsys.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	var f vfs.File
	for _, name := range []string{"/old", "/from", "/file"} {
		var err error
		if f, err = fsys.Create(dir + name); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("content"), 0); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// Every kind of operation hangs on its path, alone, until it is released, and is done
// then.
func TestEveryOperationHangs(t *testing.T) {
	for op := errfs.Op(1); op&errfs.All != 0; op <<= 1 {
		t.Run(op.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := hangfs.New(crashfs.New())
				away, here := prepare(t, disk, "/away"), prepare(t, disk, "/awayward")
				hang := disk.Hang(op, "/away")
				for _, do := range operations(disk, "/awayward", here) {
					if err := do(); err != nil {
						t.Fatal(err)
					}
				}
				for other, do := range operations(disk, "/away", away) {
					if other == op {
						continue
					}
					if err := do(); err != nil {
						t.Fatal(other, err)
					}
				}
				select {
				case <-hang.Reached():
					t.Fatal("an operation hangs that should not")
				default:
				}
				done := make(chan error, 1)
				go func() { done <- operations(disk, "/away", away)[op]() }()
				<-hang.Reached()
				synctest.Wait()
				if n := hang.Waiting(); n != 1 || len(done) != 0 {
					t.Fatalf("%d operations hang, %d have ended", n, len(done))
				}
				hang.Release()
				hang.Release()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if err := away.Sync(); err != nil || hang.Waiting() != 0 {
					t.Fatal(err, hang.Waiting())
				}
			})
		})
	}
}

// A directory that hangs twice works again after the second release.
func TestHangTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := hangfs.New(crashfs.New())
		prepare(t, disk, "/away")
		first, second := disk.Hang(errfs.All, "/"), disk.Hang(errfs.List, "/away")
		done := make(chan error, 1)
		go func() { _, err := disk.List("/away"); done <- err }()
		<-first.Reached()
		first.Release()
		<-second.Reached()
		second.Release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}
