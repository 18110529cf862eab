package recovery_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

var one = &topic.Write{Records: []record.Record{{Data: []byte("1")}}}

// twice writes two records to topic t, of class disk: neither is synced. It
// returns the last seq.
func twice(t *testing.T, data *recovery.Recovered) uint64 {
	t.Helper()
	var last uint64
	for range 2 {
		out, err := data.Registry.Append(context.Background(), "t", one)
		if err != nil {
			t.Fatal(err)
		}
		last = out.Last
	}
	return last
}

func marked(t *testing.T, fsys vfs.FS) bool {
	t.Helper()
	m, err := manifest.Read(fsys, "/data")
	if err != nil {
		t.Fatal(err)
	}
	return m.Failed
}

// After a failed sync the next start does not trust what the page cache shows,
// in the same boot and however the process ends: what was acked and not synced
// counts as lost. The mark holds until a start has settled that.
func TestFailedLogIsNotTrusted(t *testing.T) {
	for _, end := range []string{"killed", "stopped", "killed, and the pages are gone"} {
		t.Run(end, func(t *testing.T) {
			fsys := crashfs.New()
			data := start(t, fsys)
			last := twice(t, data)
			fsys.FailSync("*.wal", 1)
			if _, err := data.Log.Tick(); err == nil {
				t.Fatal("the sync did not fail")
			}
			if !marked(t, fsys) {
				t.Fatal("the manifest was not marked at once")
			}
			if end == "stopped" && data.Close(context.Background()) == nil {
				t.Fatal("a failed log closed in order")
			}
			fsys = fsys.Kill()
			if end == "killed, and the pages are gone" {
				fsys.Reclaim()
			}
			for n := range 3 { // a start that is cut off leaves the mark
				cut := fsys.Clone()
				cut.CrashAfter(3 * n)
				_, err := recovery.Run(context.Background(), options(cut, 0, nil))
				if err == nil {
					t.Fatal("it was not cut off")
				}
				if !marked(t, cut.Kill()) {
					t.Fatal("a start that was cut off took the mark away")
				}
			}
			data = start(t, fsys)
			if !data.Report.PowerLost || data.Report.LostRangesTotal != 1 {
				t.Errorf("recovery saw %+v", data.Report)
			}
			if out, err := data.Registry.Append(context.Background(), "t", one); err != nil || out.First <= last {
				t.Errorf("seq %d after %d, %v", out.First, last, err)
			}
			if marked(t, fsys) {
				t.Error("the mark outlives the start that settled it")
			}
			if data = start(t, fsys.Kill()); data.Report.PowerLost {
				t.Error("a mere kill passes for a power cut")
			}
		})
	}
}

// A start that learns from its own first sync that pages were lost marks the
// manifest and goes on, as after a power cut: no second start is needed.
func TestOneStartAfterAFailedSync(t *testing.T) {
	fsys := crashfs.New()
	last := twice(t, start(t, fsys))
	fsys = fsys.Kill()
	fsys.FailSync("*.wal", 1)
	marks := 0
	inj := &errfs.Injector{Nth: 1 << 30, Only: func(string) bool {
		if m, err := manifest.Read(fsys, "/data"); err == nil && m.Failed {
			marks++
		}
		return false
	}}
	o := options(errfs.New(fsys, inj), 0, func() int64 { return 1_000_000 })
	data, err := recovery.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !data.Report.PowerLost || data.Report.LostRangesTotal != 1 || data.Report.Records != 2 {
		t.Errorf("recovery saw %+v", data.Report)
	}
	if marks == 0 || marked(t, fsys) {
		t.Errorf("marked during the start at %d operations, and after it: %v", marks, marked(t, fsys))
	}
	if out, err := data.Registry.Append(context.Background(), "t", one); err != nil || out.First <= last {
		t.Errorf("seq %d after %d, %v", out.First, last, err)
	}
}

// The disk that fails the log may fail the manifest, too: the mark is tried
// until it can be made, and by a stop.
func TestMarkIsTriedAgain(t *testing.T) {
	// The process has one compressor, which must not be made in a bubble.
	data := start(t, crashfs.New())
	load(t, data, 1)
	take(t, data)
	readAll(t, data.Registry, "a")
	for _, stop := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			fsys := crashfs.New()
			var broken atomic.Bool
			inj := &errfs.Injector{Nth: 1, Ops: errfs.Sync | errfs.Create, Sticky: true, Only: func(string) bool { return broken.Load() }}
			o := options(errfs.New(fsys, inj), 0, func() int64 { return 1_000_000 })
			o.WAL.Manual = false
			data, err := recovery.Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			twice(t, data)
			broken.Store(true)
			time.Sleep(time.Second)
			synctest.Wait()
			if !data.Log.Stats().ReadOnly || marked(t, fsys) {
				t.Fatalf("read-only: %v, marked: %v", data.Log.Stats().ReadOnly, marked(t, fsys))
			}
			broken.Store(false)
			if stop {
				if err := data.Close(context.Background()); err == nil {
					t.Fatal("a failed log closed in order")
				}
			} else {
				time.Sleep(time.Minute)
				synctest.Wait()
			}
			if !marked(t, fsys) {
				t.Error("the manifest is not marked")
			}
			_ = data.Close(context.Background()) // again, or for the first time: nothing is left running
		})
	}
}

// Only the same boot and the same mount, both known, and a newest manifest that
// knows of no failure, prove that the page cache has lived on.
func TestPowerLost(t *testing.T) {
	for _, c := range []struct {
		m           manifest.Manifest
		boot, mount string
		lost        bool
	}{
		{manifest.Manifest{BootID: "b", Mount: "m"}, "b", "m", false},
		{manifest.Manifest{BootID: "b", Mount: "m"}, "c", "m", true},
		{manifest.Manifest{BootID: "b", Mount: "m"}, "b", "n", true},
		{manifest.Manifest{BootID: "b", Mount: "m"}, "b", "", true},
		{manifest.Manifest{BootID: "b"}, "b", "", true},
		{manifest.Manifest{BootID: "b"}, "b", "m", true},
		{manifest.Manifest{Mount: "m"}, "", "m", true},
		{manifest.Manifest{BootID: "b", Mount: "m", Failed: true}, "b", "m", true},
		{manifest.Manifest{BootID: "b", Mount: "m", Fallback: errors.New("damaged")}, "b", "m", true},
	} {
		if got := c.m.PowerLost(c.boot, c.mount); got != c.lost {
			t.Errorf("%+v in boot %q, mount %q: lost is %v", c.m, c.boot, c.mount, got)
		}
	}
}

// A directory that is still to be made will be in the mount of its parent.
func TestMount(t *testing.T) {
	dir := t.TempDir()
	want, err := recovery.Mount(dir)
	if err != nil || want == "" {
		t.Fatalf("%q, %v", want, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "made", "wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"made", "not/there/yet"} {
		if got, err := recovery.Mount(filepath.Join(dir, name)); err != nil || got != want {
			t.Errorf("%s is in mount %q, %v, want %q", name, got, err, want)
		}
	}
	if other, err := recovery.Mount("/proc"); err != nil || other == want {
		t.Errorf("/proc is in mount %q, %v", other, err)
	}
}
