package repair_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/repair"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// wreck harms one file of each kind.
func wreck(t *testing.T, w *world) {
	t.Helper()
	m, err := manifest.Read(w.fs, "/data")
	if err != nil {
		t.Fatal(err)
	}
	w.harm(t, "/data/MANIFEST", "flip")
	w.harm(t, "/data/checkpoints/"+manifest.SnapshotName(m.Checkpoint.Number), "cut")
	w.harm(t, files(t, w.fs, "/cold")[1], "flip")
	segments := files(t, w.fs, "/data/segments")
	w.harm(t, segments[len(segments)-2], "zero")
	for _, name := range files(t, w.fs, "/data/wal") {
		if w.used[name] > 10_000 {
			w.harm(t, name, "zero")
		}
	}
}

// wrecked returns a world that is harmed, and how many records a repair that
// nothing comes between loses of it.
func wrecked(t *testing.T) (w *world, gone int) {
	w = build(t)
	wreck(t, w)
	fsys := w.fs.Clone()
	if r := mustRepair(t, fsys); len(r.Lost) == 0 {
		t.Fatal("nothing was lost")
	}
	return w, w.check(t, read(t, run(t, fsys).Registry), true)
}

// TestCrashes cuts the power after each operation of a repair: the next one
// keeps as much as one that was not cut off.
func TestCrashes(t *testing.T) {
	w, want := wrecked(t)
	step := 1
	if testing.Short() {
		step = 17
	}
	for n := 0; ; n += step {
		fsys := w.fs.Clone()
		fsys.CrashAfter(n)
		_, err := repair.Run(context.Background(), dataDir(fsys), small)
		done := !fsys.Crashed()
		if err != nil && !errors.Is(err, crashfs.ErrCrashed) {
			t.Fatalf("crash after %d: %v", n, err)
		}
		fsys = fsys.Crash(rand.New(rand.NewPCG(uint64(n), 1)))
		mustRepair(t, fsys)
		if r := verify(t, fsys); !r.Sound() {
			t.Fatalf("crash after %d: %v", n, r.Faults)
		}
		data := run(t, fsys)
		if gone := w.check(t, read(t, data.Registry), true); gone != want {
			t.Fatalf("crash after %d: %d records are gone, %d without a crash", n, gone, want)
		}
		if done {
			t.Logf("%d operations", n)
			break
		}
	}
}

// TestStart cuts the power after each operation of the start that follows a
// repair, which makes the new log.
func TestStart(t *testing.T) {
	w, want := wrecked(t)
	mustRepair(t, w.fs)
	for n := 0; ; n++ {
		fsys := w.fs.Clone()
		fsys.CrashAfter(n)
		_, err := recovery.Run(context.Background(), options(fsys))
		done := !fsys.Crashed()
		if err != nil && !errors.Is(err, crashfs.ErrCrashed) {
			t.Fatalf("crash after %d: %v", n, err)
		}
		fsys = fsys.Crash(rand.New(rand.NewPCG(uint64(n), 2)))
		data := run(t, fsys)
		if gone := w.check(t, read(t, data.Registry), true); gone != want {
			t.Fatalf("crash after %d: %d records are gone, %d without a crash", n, gone, want)
		}
		if done {
			t.Logf("%d operations", n)
			return
		}
	}
}

// TestFaults fails each operation of a repair, once and for good: it is reported,
// or does not matter, and the next repair makes up for it.
func TestFaults(t *testing.T) {
	w, want := wrecked(t)
	step := 3
	if testing.Short() {
		step = 29
	}
	for _, sticky := range []bool{false, true} {
		for n := 1; ; n += step {
			fsys := w.fs.Clone()
			inj := &errfs.Injector{Nth: n, Sticky: sticky}
			_, err := repair.Run(context.Background(), dataDir(errfs.New(fsys, inj)), small)
			failed := inj.Failed()
			if err != nil && !errors.Is(err, errfs.ErrInjected) {
				t.Fatalf("operation %d, %v: %v", n, failed, err)
			}
			sound := verify(t, fsys).Sound()
			if err == nil && !sound {
				t.Fatalf("operation %d, %v: nothing was told", n, failed)
			}
			mustRepair(t, fsys)
			data := run(t, fsys)
			if gone := w.check(t, read(t, data.Registry), true); gone != want {
				t.Fatalf("operation %d, %v: %d records are gone, %d without a fault", n, failed, gone, want)
			}
			if !inj.Fired() {
				t.Logf("%d operations", n)
				break
			}
		}
	}
}
