package backup_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// script is a history in which many log files are finished and released.
func (w *world) script(over func() bool) {
	w.t.Helper()
	for range 4 {
		for range 25 {
			if over() {
				return
			}
			w.step()
		}
		if over() {
			return
		}
		w.upkeep()
	}
}

// forward holds that the backup, which is as old as the directory, together
// with the archive and the remaining log has the same contents as the directory
// itself: no log file was freed before its archived copy was durable.
func (w *world) forward(what string, fsys *crashfs.FS) {
	w.t.Helper()
	dropTorn(w.t, fsys, "/data/wal")
	if _, err := restoreTo(fsys, backup.Until{}, "/archive", "/data/wal"); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	got := w.restored(fsys, "/restored")
	own := &world{t: w.t, fs: fsys, now: w.now, mount: w.mount}
	own.open()
	same(w.t, what, dump(w.t, own.data.Registry), got)
}

// dropTorn removes the newest log file if its header is torn, which means that
// it was not in use yet. A server removes it at the start; a restore cannot
// know that, and refuses it.
func dropTorn(t *testing.T, fsys vfs.FS, dir string) {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	name := names[len(names)-1]
	f, err := fsys.OpenRead(path.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, _, err := wal.ReadHeader(f, name); errors.As(err, new(*wal.CorruptionError)) {
		if err := fsys.Remove(path.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func begun(t *testing.T) (*world, *crashfs.FS) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 40)
	w.backup("/backup")
	w.close()
	return w, fsys.Kill()
}

func TestArchiveThroughCrashes(t *testing.T) {
	first, fsys := begun(t)
	for seed := range 3 { // the seed decides what a power cut leaves
		if n := forwardThroughCrashes(t, first, fsys, seed); n < 300 {
			t.Fatalf("only %d operations", n)
		}
	}
}

// forwardThroughCrashes cuts the power at every fifteenth operation, and
// returns the number of operations.
func forwardThroughCrashes(t *testing.T, first *world, fsys *crashfs.FS, seed int) int {
	rng := rand.New(rand.NewPCG(4, uint64(seed)))
	for n := 1 + 5*seed; ; n += 15 {
		at := fsys.Clone()
		w := &world{t: t, fs: at, now: first.now, rng: rand.New(rand.NewPCG(40, 40)), keys: map[string]uint64{}}
		w.open()
		at.CrashAfter(n)
		w.fault = crashfs.ErrCrashed
		w.script(at.Crashed)
		crashed := at.Crashed()
		after := at.Crash(rng)
		w.mount = "after the power cut"
		w.forward(fmt.Sprintf("seed %d, crash at operation %d", seed, n), after)
		if !crashed {
			return n
		}
	}
}

// An archive that fails once loses nothing.
func TestArchiveOnABadDisk(t *testing.T) {
	first, fsys := begun(t)
	for n := 1; ; n += 2 {
		at := fsys.Clone()
		bad := true
		inj := &errfs.Injector{Nth: n, Short: true, Only: func(name string) bool { return bad && strings.HasPrefix(name, "/archive/") }}
		w := &world{t: t, fs: errfs.New(at, inj), now: first.now, rng: rand.New(rand.NewPCG(40, 40)), keys: map[string]uint64{}}
		w.open()
		w.fault = errfs.ErrInjected
		w.script(func() bool { return false })
		bad = false
		for range 2 { // leftovers are tried again
			w.steps(20)
			w.upkeep()
		}
		if c := w.data.ArchiveCheck(); c.Status != health.Healthy {
			t.Fatalf("failure %d: %v", n, c)
		}
		w.forward(fmt.Sprintf("failure %d", n), at.Kill())
		if !inj.Fired() {
			if n < 20 {
				t.Fatalf("only %d operations", n)
			}
			return
		}
	}
}

// While the archive is full the log keeps its files, and reports that.
func TestFullArchiveKeepsTheLog(t *testing.T) {
	first, fsys := begun(t)
	full := true
	inj := &errfs.Injector{
		Nth: 1, Sticky: true, Ops: errfs.Write | errfs.Create, Err: syscall.ENOSPC,
		Only: func(name string) bool { return full && strings.HasPrefix(name, "/archive/") },
	}
	w := &world{t: t, fs: errfs.New(fsys, inj), now: first.now, rng: rand.New(rand.NewPCG(40, 40)), keys: map[string]uint64{}}
	w.open()
	w.fault = syscall.ENOSPC
	w.script(func() bool { return false })
	if c := w.data.ArchiveCheck(); c.Status != health.Degraded || !strings.Contains(c.Reason, "archive") {
		t.Fatalf("%+v", c)
	}
	if oldest := firstLog(t, fsys); oldest != 1 {
		t.Fatalf("the oldest log file is number %d", oldest)
	}
	full = false
	w.fault = nil
	w.steps(10)
	w.upkeep()
	w.upkeep()
	if c := w.data.ArchiveCheck(); c.Status != health.Healthy {
		t.Fatalf("%+v", c)
	}
	if oldest := firstLog(t, fsys); oldest == 1 {
		t.Fatal("the log was not cut")
	}
	w.forward("with space again", fsys.Kill())
}
