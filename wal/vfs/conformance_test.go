package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
	"github.com/e6e95bb8/topics/wal/vfs/hangfs"
	"github.com/e6e95bb8/topics/wal/vfs/slotfs"
)

// TestConformance runs every clause of the contract against every file system.
func TestConformance(t *testing.T) {
	systems := []struct {
		name string
		make func(t *testing.T) (fsys vfs.FS, root string)
	}{
		{"os", func(t *testing.T) (vfs.FS, string) { return vfs.OS(), tempDir(t) + "/data" }},
		{"crashfs", func(*testing.T) (vfs.FS, string) { return crashfs.New(), "/var/data" }},
		{"crashfs relative", func(*testing.T) (vfs.FS, string) { return crashfs.New(), "data" }},
		{"errfs", func(*testing.T) (vfs.FS, string) {
			return errfs.New(crashfs.New(), &errfs.Injector{}), "data"
		}},
		{"slotfs", func(*testing.T) (vfs.FS, string) { return slotfs.New(crashfs.New(), 4, "data"), "data" }},
		{"hangfs", func(*testing.T) (vfs.FS, string) { return hangfs.New(crashfs.New()), "data" }},
	}
	clauses := []struct {
		name  string
		check func(c *checker)
	}{
		{"create", (*checker).create},
		{"read", (*checker).read},
		{"open for reading", (*checker).openRead},
		{"write", (*checker).write},
		{"truncate", (*checker).truncate},
		{"remove", (*checker).remove},
		{"rename", (*checker).rename},
		{"directories", (*checker).directories},
		{"lock", (*checker).lock},
		{"hold", (*checker).hold},
		{"free", (*checker).free},
		{"close", (*checker).close},
		{"concurrent", (*checker).concurrent},
	}
	for _, system := range systems {
		for _, clause := range clauses {
			t.Run(system.name+"/"+clause.name, func(t *testing.T) {
				fsys, root := system.make(t)
				c := &checker{t, fsys, root}
				c.ok(fsys.MkdirAll(root))
				clause.check(c)
			})
		}
	}
}

func (c *checker) create() {
	c.file("a", "")
	c.holds("a", "")
	_, err := c.fs.Create(c.path("a"))
	c.fails(err, fs.ErrExist)
	_, err = c.fs.Create(c.root)
	c.fails(err, fs.ErrExist)
	_, err = c.fs.Create(c.path("missing/a"))
	c.fails(err, fs.ErrNotExist)
	_, err = c.fs.Open(c.path("b"))
	c.fails(err, fs.ErrNotExist)
	if f, err := c.fs.Open(c.root); err == nil {
		f.Close()
		c.t.Fatal("a directory was opened for writing")
	}
}

func (c *checker) read() {
	f := c.file("a", "hello")
	buf := make([]byte, 3)
	n, err := f.ReadAt(buf, 1)
	c.ok(err)
	if n != 3 || string(buf) != "ell" {
		c.t.Fatalf("read %q", buf[:n])
	}
	n, err = f.ReadAt(buf, 4)
	if n != 1 || err != io.EOF {
		c.t.Fatalf("at the end: %d, %v", n, err)
	}
	n, err = f.ReadAt(buf, 100)
	if n != 0 || err != io.EOF {
		c.t.Fatalf("past the end: %d, %v", n, err)
	}
	if _, err = f.ReadAt(buf, -1); err == nil {
		c.t.Fatal("read before the start")
	}
}

func (c *checker) openRead() {
	c.file("a", "hello")
	_, err := c.fs.OpenRead(c.path("none"))
	c.fails(err, fs.ErrNotExist)
	f, err := c.fs.OpenRead(c.path("a"))
	c.ok(err)
	defer f.Close()
	_, err = f.WriteAt([]byte("j"), 0)
	c.fails(err, fs.ErrPermission)
	c.fails(f.Truncate(1), fs.ErrPermission)
	buf := make([]byte, 5)
	if n, err := f.ReadAt(buf, 0); err != nil || n != 5 || string(buf) != "hello" {
		c.t.Fatalf("read %q, %v", buf[:n], err)
	}
	c.holds("a", "hello")
}

func (c *checker) write() {
	f := c.file("a", "hello")
	n, err := f.WriteAt([]byte("xyz"), 7)
	c.ok(err)
	if n != 3 {
		c.t.Fatalf("wrote %d", n)
	}
	c.holds("a", "hello\x00\x00xyz")
	_, err = f.WriteAt([]byte("J"), 0)
	c.ok(err)
	c.holds("a", "Jello\x00\x00xyz")
	_, err = f.WriteAt(nil, 50)
	c.ok(err)
	if size, err := f.Size(); size != 10 || err != nil {
		c.t.Fatalf("size %d, %v", size, err)
	}
	if _, err = f.WriteAt([]byte("x"), -1); err == nil {
		c.t.Fatal("wrote before the start")
	}
	other, err := c.fs.Open(c.path("a"))
	c.ok(err)
	defer other.Close()
	_, err = other.WriteAt([]byte("C"), 0)
	c.ok(err)
	c.holds("a", "Cello\x00\x00xyz")
	c.ok(f.Sync())
}

func (c *checker) truncate() {
	f := c.file("a", "hello")
	c.ok(f.Truncate(2))
	c.holds("a", "he")
	c.ok(f.Truncate(4))
	c.holds("a", "he\x00\x00")
	c.ok(f.Truncate(0))
	_, err := f.WriteAt([]byte("x"), 2000)
	c.ok(err)
	c.holds("a", string(make([]byte, 2000))+"x")
	if f.Truncate(-1) == nil {
		c.t.Fatal("a negative length was taken")
	}
}

func (c *checker) remove() {
	f := c.file("a", "hello")
	c.ok(c.fs.Remove(c.path("a")))
	c.lists(c.root)
	buf := make([]byte, 5)
	_, err := f.ReadAt(buf, 0)
	c.ok(err)
	if string(buf) != "hello" {
		c.t.Fatalf("the open handle reads %q", buf)
	}
	c.fails(c.fs.Remove(c.path("a")), fs.ErrNotExist)
	c.ok(c.fs.MkdirAll(c.path("dir")))
	if c.fs.Remove(c.path("dir")) == nil {
		c.t.Fatal("a directory was removed")
	}
	c.file("a", "new")
	c.holds("a", "new")
}

func (c *checker) rename() {
	f := c.file("a", "from a")
	c.file("b", "from b")
	c.ok(c.fs.Rename(c.path("a"), c.path("b")))
	c.lists(c.root, "b")
	c.holds("b", "from a")
	_, err := f.WriteAt([]byte("F"), 0)
	c.ok(err)
	c.holds("b", "From a")
	c.ok(c.fs.Rename(c.path("b"), c.path("b")))
	c.holds("b", "From a")
	c.fails(c.fs.Rename(c.path("a"), c.path("c")), fs.ErrNotExist)
	c.ok(c.fs.MkdirAll(c.path("dir")))
	c.fails(c.fs.Rename(c.path("b"), c.path("dir/b")), fs.ErrInvalid)
	c.holds("b", "From a")
}

func (c *checker) directories() {
	c.ok(c.fs.MkdirAll(c.root))
	c.ok(c.fs.MkdirAll(c.path("x/y")))
	c.file("b", "")
	c.file("a", "")
	c.lists(c.root, "a", "b", "x")
	c.lists(c.path("x"), "y")
	c.lists(c.path("x/y"))
	c.ok(c.fs.MkdirAll(c.path("x/lost+found"))) // the file system's own
	c.lists(c.path("x"), "y")
	c.ok(c.fs.SyncDir(c.root))
	_, err := c.fs.List(c.path("missing"))
	c.fails(err, fs.ErrNotExist)
	c.fails(c.fs.SyncDir(c.path("missing")), fs.ErrNotExist)
	if c.fs.MkdirAll(c.path("a")) == nil || c.fs.MkdirAll(c.path("a/sub")) == nil {
		c.t.Fatal("a directory was made over a file")
	}
}

func (c *checker) lock() {
	_, err := c.fs.Lock(c.path("missing/lock"), "one")
	c.fails(err, fs.ErrNotExist)
	c.file("lock", "a longer text of an owner long gone")
	held, err := c.fs.Lock(c.path("lock"), "one")
	c.ok(err)
	c.holds("lock", "one")
	_, err = c.fs.Lock(c.path("lock"), "two")
	c.locked(err, "lock", vfs.Exclusive, "one")
	_, err = c.fs.Hold(c.path("lock"), vfs.Shared)
	c.locked(err, "lock", vfs.Exclusive, "one")
	c.holds("lock", "one")
	other, err := c.fs.Lock(c.path("other"), "two")
	c.ok(err)
	c.ok(other.Close())
	c.ok(held.Close())
	if held.Close() == nil {
		c.t.Fatal("a lock was released twice")
	}
	c.ok(c.fs.MkdirAll(c.path("dir")))
	if _, err := c.fs.Lock(c.path("dir"), "three"); err == nil {
		c.t.Fatal("a directory was locked as a file")
	}
	held, err = c.fs.Lock(c.path("lock"), "three")
	c.ok(err)
	c.holds("lock", "three")
	c.ok(held.Check())
	c.ok(c.fs.Remove(c.path("lock")))
	c.replaced(held)
	c.file("lock", "")
	c.replaced(held)
	c.ok(held.Close())
}

func (c *checker) hold() {
	_, err := c.fs.Hold(c.path("missing"), vfs.Shared)
	c.fails(err, fs.ErrNotExist)
	c.file("file", "text")
	c.ok(c.fs.MkdirAll(c.path("dir")))
	for _, name := range []string{"file", "dir"} {
		text := ""
		if name == "file" {
			text = "text"
		}
		var readers []vfs.Held
		for range 2 {
			held, err := c.fs.Hold(c.path(name), vfs.Shared)
			c.ok(err)
			readers = append(readers, held)
		}
		_, err := c.fs.Hold(c.path(name), vfs.Exclusive)
		c.locked(err, name, vfs.Shared, text)
		c.ok(readers[0].Close())
		_, err = c.fs.Hold(c.path(name), vfs.Exclusive)
		c.locked(err, name, vfs.Shared, text)
		c.ok(readers[1].Check())
		c.ok(readers[1].Close())
		held, err := c.fs.Hold(c.path(name), vfs.Exclusive)
		c.ok(err)
		for _, mode := range []vfs.LockMode{vfs.Shared, vfs.Exclusive} {
			_, err = c.fs.Hold(c.path(name), mode)
			c.locked(err, name, vfs.Exclusive, text)
		}
		c.ok(held.Check())
		c.ok(held.Close())
	}
	c.holds("file", "text")
	// What is in a directory comes and goes without its lock.
	held, err := c.fs.Hold(c.path("dir"), vfs.Exclusive)
	c.ok(err)
	c.file("dir/lock", "")
	c.ok(c.fs.Remove(c.path("dir/lock")))
	_, err = c.fs.Hold(c.path("dir"), vfs.Exclusive)
	c.locked(err, "dir", vfs.Exclusive, "")
	c.ok(held.Close())
}

func (c *checker) locked(err error, name string, mode vfs.LockMode, holder string) {
	c.t.Helper()
	var e *vfs.LockedError
	if !errors.As(err, &e) || e.Holder != holder || e.Name != c.path(name) || e.Mode != mode {
		c.t.Fatalf("locked %s: %#v", name, err)
	}
}

func (c *checker) replaced(held vfs.Held) {
	c.t.Helper()
	var e *vfs.ReplacedError
	if err := held.Check(); !errors.As(err, &e) {
		c.t.Fatalf("what is locked was replaced: %v", err)
	}
}

func (c *checker) free() {
	free, total, err := c.fs.Free(c.root)
	c.ok(err)
	if free == 0 || total < free {
		c.t.Fatalf("free %d of %d", free, total)
	}
	_, _, err = c.fs.Free(c.path("missing"))
	c.fails(err, fs.ErrNotExist)
}

func (c *checker) close() {
	f := c.file("a", "hello")
	c.ok(f.Close())
	buf := make([]byte, 1)
	_, err := f.ReadAt(buf, 0)
	c.fails(err, fs.ErrClosed)
	_, err = f.WriteAt(buf, 0)
	c.fails(err, fs.ErrClosed)
	_, err = f.Size()
	c.fails(err, fs.ErrClosed)
	c.fails(f.Truncate(0), fs.ErrClosed)
	c.fails(f.Sync(), fs.ErrClosed)
	c.fails(f.Close(), fs.ErrClosed)
	c.holds("a", "hello")
}

// concurrent has goroutines write and read back their own parts of one file
// while it is synced and others come and go.
func (c *checker) concurrent() {
	const part = 1000
	f := c.file("a", "")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			own := bytes.Repeat([]byte{byte('a' + g)}, part)
			for range 10 {
				_, err := f.WriteAt(own, int64(g*part))
				got := make([]byte, part)
				_, readErr := f.ReadAt(got, int64(g*part))
				if err = errors.Join(err, readErr, f.Sync()); err != nil || !bytes.Equal(got, own) {
					c.t.Errorf("part %d reads %.10q, %v", g, got, err)
				}
				name := c.path(string(own[:1]) + ".tmp")
				tmp, err := c.fs.Create(name)
				if err != nil {
					c.t.Error(err)
					return
				}
				if err := errors.Join(tmp.Close(), c.fs.SyncDir(c.root), c.fs.Remove(name)); err != nil {
					c.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	c.lists(c.root, "a")
}
