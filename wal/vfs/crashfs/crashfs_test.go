package crashfs

import (
	"bytes"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// everyOperation calls each operation of the file system and of its handle.
func everyOperation(f *FS, h vfs.File) map[string]error {
	buf := make([]byte, 1)
	errs := map[string]error{}
	_, errs["create"] = f.Create("new")
	_, errs["open"] = f.Open("log")
	errs["remove"] = f.Remove("log")
	errs["rename"] = f.Rename("log", "new")
	_, errs["list"] = f.List(".")
	errs["mkdir"] = f.MkdirAll("sub")
	_, errs["hold"] = f.Hold(".", vfs.Shared)
	errs["syncdir"] = f.SyncDir(".")
	_, errs["lock"] = f.Lock("lock", "me")
	_, _, errs["free"] = f.Free(".")
	_, errs["read"] = h.ReadAt(buf, 0)
	_, errs["write"] = h.WriteAt(buf, 0)
	errs["sync"] = h.Sync()
	_, errs["size"] = h.Size()
	errs["truncate"] = h.Truncate(0)
	errs["close"] = h.Close()
	return errs
}

// TestNothingWorksAfterwards checks that a run cannot continue by mistake.
func TestNothingWorksAfterwards(t *testing.T) {
	ends := map[string]func(*FS){
		"crash": func(f *FS) { f.Crash(source(1)) },
		"kill":  func(f *FS) { f.Kill() },
		"limit": func(f *FS) {
			f.CrashAfter(0)
			if err := f.SyncDir("."); !errors.Is(err, ErrCrashed) {
				t.Errorf("past the limit: %v", err)
			}
		},
	}
	for name, end := range ends {
		f := New()
		h := durable(t, f, "log", []byte("hello"))
		if f.Crashed() {
			t.Errorf("%s: crashed before", name)
		}
		end(f)
		if !f.Crashed() {
			t.Errorf("%s: not crashed", name)
		}
		for op, err := range everyOperation(f, h) {
			if !errors.Is(err, ErrCrashed) {
				t.Errorf("%s: %s gives %v", name, op, err)
			}
		}
	}
}

// TestKill holds that a killed process loses nothing that it wrote, and that a
// power cut after it still may.
func TestKill(t *testing.T) {
	f := New()
	h := durable(t, f, "log", []byte("old"))
	write(t, h, 0, []byte("new"))
	must(f.Create("entry"))
	must(f.Lock("lock", "first"))
	f = f.Kill()
	const whole = "entry=\nlock=6669727374\nlog=6e6577\n"
	if got := tree(f); got != whole {
		t.Fatalf("after the kill:\n%s", got)
	}
	must(f.Lock("lock", "second"))
	f = f.Kill()
	seen := outcomes(f, tree)
	if seen["log=6f6c64\n"] == 0 || len(seen) < 5 {
		t.Fatalf("power cuts after the kill found only %v", seen)
	}
	must(f.Open("log"))
}

// TestPowerCutTwice checks that the state after one power cut is durable,
// and that locks are free.
func TestPowerCutTwice(t *testing.T) {
	for seed := range 200 {
		f := New()
		h := durable(t, f, "log", []byte("old"))
		must(f.Lock("lock", "first"))
		write(t, h, 0, bytes.Repeat([]byte("new"), 1000))
		rng := source(seed)
		f = f.Crash(rng)
		found := tree(f)
		f = f.Crash(rng)
		if again := tree(f); again != found {
			t.Fatalf("seed %d: %s then %s", seed, found, again)
		}
		must(f.Lock("lock", "second"))
	}
}

// TestFailedSync is the failed fsync after which the next one lies.
func TestFailedSync(t *testing.T) {
	content := func(f *FS) string { return string(must(vfs.ReadFile(f, "log"))) }
	f := New()
	h := durable(t, f, "log", []byte("1"))
	other := durable(t, f, "other", nil)
	write(t, h, 0, []byte("2"))
	f.FailSync("l*", 2)
	ok(t, other.Sync())
	ok(t, h.Sync())
	sees(t, outcomes(f, content), "2")

	write(t, h, 0, []byte("3"))
	if err := h.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync gives %v", err)
	}
	ok(t, h.Sync())
	if got := content(f); got != "3" {
		t.Fatalf("the process reads %q", got)
	}
	sees(t, outcomes(f, content), "2", "3")
	f = f.Kill() // the page cache is the machine's
	h = must(f.Open("log"))
	ok(t, h.Sync())
	sees(t, outcomes(f, content), "2", "3")

	write(t, h, 0, []byte("4"))
	ok(t, h.Sync())
	sees(t, outcomes(f, content), "4")
}

// TestCrashAfter cuts one run at each of its operations.
func TestCrashAfter(t *testing.T) {
	run := func(f *FS) error {
		h, err := f.Create("a")
		if err != nil {
			return err
		}
		defer h.Close()
		if _, err := h.WriteAt(make([]byte, 1000), 0); err != nil {
			return err
		}
		return errors.Join(h.Sync(), f.Rename("a", "b"), f.SyncDir("."))
	}
	whole := New()
	ok(t, run(whole))
	if whole.Ops() != 5 {
		t.Fatalf("counted %d operations", whole.Ops())
	}
	for n := range whole.Ops() + 1 {
		f := New()
		f.CrashAfter(n)
		err := run(f)
		if cut := n < whole.Ops(); cut != errors.Is(err, ErrCrashed) || cut != f.Crashed() {
			t.Fatalf("cut after %d: %v, crashed %v", n, err, f.Crashed())
		}
		if f.Ops() != n {
			t.Fatalf("cut after %d: counted %d", n, f.Ops())
		}
		want := []string{"", "a", "a", "a", "b", "b"}[n]
		names := must(f.Kill().List("."))
		if len(names) > 1 || len(names) == 1 && names[0] != want || len(names) == 0 && want != "" {
			t.Fatalf("cut after %d: found %q, want %q", n, names, want)
		}
	}
}

// TestCutWrite holds that a write that was cut left a prefix, of any length.
func TestCutWrite(t *testing.T) {
	lengths := map[int]bool{}
	for n := range 100 {
		f := New()
		h := durable(t, f, "log", nil)
		f.CrashAfter(n)
		var err error
		wrote, part := 0, 0
		for ; err == nil; wrote += part {
			part, err = h.WriteAt([]byte("0123456789"), int64(wrote))
		}
		found := must(vfs.ReadFile(f.Kill(), "log"))
		if len(found) != wrote || wrote < 10*n || wrote > 10*(n+1) {
			t.Fatalf("cut in write %d: found %d bytes, wrote %d", n, len(found), wrote)
		}
		lengths[wrote-10*n] = true
	}
	if len(lengths) != 11 {
		t.Fatalf("the cut writes had only the lengths %v", lengths)
	}
	f := New()
	f.CrashAfter(0)
	f.CrashAfter(-1)
	ok(t, f.SyncDir("."))
}

// TestCapacity is the full disk.
func TestCapacity(t *testing.T) {
	f := New()
	a, b := must(f.Create("a")), must(f.Create("b"))
	f.SetCapacity(100)
	write(t, a, 0, make([]byte, 60))
	n, err := b.WriteAt(bytes.Repeat([]byte("x"), 50), 0)
	if n != 40 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if size := must(b.Size()); size != 40 {
		t.Fatalf("size %d", size)
	}
	if n, err := b.WriteAt([]byte("x"), 70); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("past the gap: wrote %d, %v", n, err)
	}
	if err := a.Truncate(61); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("truncate: %v", err)
	}
	free, total, err := f.Free(".")
	if free != 0 || total != 100 || err != nil {
		t.Fatalf("free %d of %d, %v", free, total, err)
	}
	write(t, b, 0, make([]byte, 40))
	ok(t, f.Remove("a"))
	write(t, b, 40, make([]byte, 60))
	f = f.Kill()
	f.SetCapacity(1000)
	if free, total, err := f.Free("."); free != 900 || total != 1000 || err != nil {
		t.Fatalf("free %d of %d, %v", free, total, err)
	}
}

// TestClone holds that a copy and its original go separate ways, and that what
// was unsynced is so in both.
func TestClone(t *testing.T) {
	f := New()
	h := durable(t, f, "log", []byte("old"))
	write(t, h, 0, []byte("new"))
	must(f.Create("entry"))
	must(f.Lock("lock", "first"))
	before := tree(f)
	c := f.Clone()
	if got := tree(c); got != before {
		t.Fatalf("the copy holds %s", got)
	}
	must(c.Lock("lock", "second"))
	ch := must(c.Open("log"))
	write(t, ch, 0, []byte("own"))
	ok(t, ch.Sync())
	ok(t, c.Remove("entry"))
	ok(t, c.SyncDir("."))
	if got := tree(f); got != before {
		t.Fatalf("the original became %s", got)
	}
	content := func(f *FS) string { return string(must(vfs.ReadFile(f, "log"))) }
	sees(t, outcomes(c, content), "own")
	if seen := outcomes(f, content); seen["old"] == 0 || seen["new"] == 0 {
		t.Fatalf("power cuts of the original found only %v", seen)
	}
}

// TestSuccessorTwice holds that contents cannot have two owners.
func TestSuccessorTwice(t *testing.T) {
	f := New()
	f.Kill()
	for name, again := range map[string]func(){
		"kill":  func() { f.Kill() },
		"crash": func() { f.Crash(source(1)) },
		"clone": func() { f.Clone() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s after a kill went on", name)
				}
			}()
			again()
		}()
	}
}

// TestDropDirty is the hook of errfs.
func TestDropDirty(t *testing.T) {
	f := New()
	h := durable(t, f, "log", []byte("1"))
	write(t, h, 0, []byte("2"))
	h.(interface{ DropDirty() }).DropDirty()
	ok(t, h.Sync())
	seen := outcomes(f, func(f *FS) string { return string(must(vfs.ReadFile(f, "log"))) })
	sees(t, seen, "1", "2")
	ok(t, h.Close())
	if _, err := h.Size(); !errors.Is(err, fs.ErrClosed) {
		t.Fatal(err)
	}
}
