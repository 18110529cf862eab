package backup_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// moment is the state between two writes.
type moment struct {
	at   wal.LSN
	time int64
	text string
}

func (w *world) moment() moment {
	return moment{w.data.Log.Tail(), w.now, dump(w.t, w.data.Registry)}
}

func restoreTo(fsys vfs.FS, until backup.Until, archives ...string) (*backup.Restored, error) {
	return backup.Restore(context.Background(), backup.Restoring{
		FS: fsys, From: "/backup", To: "/restored", Archives: archives, Until: until, BootID: "boot", Mount: "mount",
	})
}

// history makes a backup in the middle of a history, and returns its moments
// from the backup on. Checkpoints free the log's files, so only the archive has
// all of them.
func history(t *testing.T, fsys vfs.FS, seed uint64, steps int) (*world, *backup.Description, []moment) {
	w := newWorld(t, fsys, seed)
	w.routes = true
	w.steps(30)
	d := w.backup("/backup")
	moments := []moment{w.moment()}
	for i := range steps {
		w.step()
		moments = append(moments, w.moment())
		if i%25 == 24 {
			w.upkeep()
		}
	}
	return w, d, moments
}

// A restore can end between any two writes, by position and by time.
func TestUntilEveryWrite(t *testing.T) {
	fsys := crashfs.New()
	w, d, moments := history(t, fsys, 3, 120)
	names, err := fsys.List("/archive")
	if err != nil || len(names) < 5 {
		t.Fatalf("the archive has %d files: %v", len(names), err)
	}
	oldest, err := fsys.List("/data/wal")
	if err != nil || oldest[0] == wal.FileName(1) {
		t.Fatalf("the log was not cut: %s, %v", oldest[0], err)
	}
	fsys = fsys.Crash(rand.New(rand.NewPCG(1, 1)))
	for i, m := range moments {
		if m.at < d.EndLSN {
			t.Fatalf("moment %d is before the backup's end", i)
		}
		for _, until := range []backup.Until{{LSN: m.at}, {Time: m.time}} {
			at := fsys.Clone()
			out, err := restoreTo(at, until, "/archive", "/data/wal")
			if err != nil {
				t.Fatalf("until %v: %v", until, err)
			}
			if out.EndLSN < m.at || until.LSN != 0 && out.EndLSN != m.at {
				t.Fatalf("until %v, moment %+v: %+v", until, m, out)
			}
			w.now = m.time
			same(t, fmt.Sprintf("until %v", until), m.text, w.restored(at, "/restored"))
		}
	}
}

// A restore to the start of any frame has everything before it and nothing
// else.
func TestUntilEveryFrame(t *testing.T) {
	fsys := crashfs.New()
	w, d, moments := history(t, fsys, 5, 40)
	fsys = fsys.Kill()
	replay, err := wal.Inspect(wal.Options{FS: fsys, Dir: "/data/wal", LogID: d.LogID, First: firstLog(t, fsys)})
	if err != nil {
		t.Fatal(err)
	}
	var frames []wal.LSN
	if _, err := replay.Salvage(func(f wal.Frame) error { frames = append(frames, f.LSN); return nil }, func(*wal.CorruptionError) error { return nil }); err != nil {
		t.Fatal(err)
	}
	texts := map[wal.LSN]string{}
	for _, m := range moments {
		texts[m.at] = m.text
	}
	tried := 0
	for _, lsn := range frames {
		if lsn < d.EndLSN {
			continue
		}
		tried++
		at := fsys.Clone()
		out, err := restoreTo(at, backup.Until{LSN: lsn}, "/archive", "/data/wal")
		if err != nil || out.EndLSN != lsn {
			t.Fatalf("until lsn %d: %+v, %v", lsn, out, err)
		}
		text := w.restored(at, "/restored")
		if want, ok := texts[lsn]; ok {
			same(t, fmt.Sprintf("until lsn %d", lsn), want, text)
		}
	}
	if tried < 30 {
		t.Fatalf("only %d frames", tried)
	}
}

func firstLog(t *testing.T, fsys vfs.FS) uint64 {
	t.Helper()
	names, err := fsys.List("/data/wal")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if index, ok := wal.ParseName(name); ok {
			return index
		}
	}
	t.Fatal("no log file")
	return 0
}

// A restored directory can be used like any other, with an archive of its own.
func TestRestoredGoesOn(t *testing.T) {
	fsys := crashfs.New()
	_, _, moments := history(t, fsys, 7, 60)
	fsys = fsys.Kill()
	m := moments[len(moments)/2]
	if _, err := restoreTo(fsys, backup.Until{LSN: m.at}, "/archive", "/data/wal"); err != nil {
		t.Fatal(err)
	}
	w := newWorldAt(t, fsys, "/restored", m.time)
	same(t, "at the start", m.text, dump(t, w.data.Registry))
	for range 4 {
		w.steps(40)
		w.upkeep()
		want := dump(t, w.data.Registry)
		fsys = fsys.Crash(rand.New(rand.NewPCG(9, 9)))
		w.fs = fsys
		w.openAt("/restored")
		same(t, "after a crash", want, dump(t, w.data.Registry))
	}
}

// Both manifests of a restored directory have the same checkpoint. The next
// checkpoint must not remove its state: recovery may have to start from it.
func TestCheckpointBehindARestore(t *testing.T) {
	fsys := crashfs.New()
	history(t, fsys, 8, 20)
	fsys = fsys.Kill()
	if _, err := restoreTo(fsys, backup.Until{}, "/archive", "/data/wal"); err != nil {
		t.Fatal(err)
	}
	w := newWorldAt(t, fsys, "/restored", 2_000_000)
	for range 3 {
		w.steps(5)
		w.upkeep()
		m, err := manifest.Read(fsys, "/restored")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
			if _, err := manifest.ReadSnapshot(fsys, "/restored/checkpoints", c); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func newWorldAt(t *testing.T, fsys vfs.FS, dir string, now int64) *world {
	w := &world{t: t, fs: fsys, now: now, rng: rand.New(rand.NewPCG(4, 4)), keys: map[string]uint64{}}
	w.openAt(dir)
	return w
}

func (w *world) openAt(dir string) {
	w.t.Helper()
	o := options(w.fs, dir, func() int64 { return w.now })
	o.Storage.ColdDir, o.Storage.ArchiveDir = "/cold-restored", "/archive-restored"
	data, err := recovery.Run(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.data = data
}

func TestParseUntil(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 5_000_000, time.UTC)
	for text, want := range map[string]backup.Until{
		"lsn:4711":                      {LSN: 4711},
		"2026-01-31T12:00:00.005Z":      {Time: at.UnixMilli()},
		"2026-01-31T13:00:00.005+01:00": {Time: at.UnixMilli()},
		fmt.Sprint(at.UnixMilli()):      {Time: at.UnixMilli()},
	} {
		if got, err := backup.ParseUntil(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "lsn:", "lsn:0", "lsn:x", "yesterday", "-5", "2026-01-31", "1969-01-01T00:00:00Z"} {
		if got, err := backup.ParseUntil(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A topic or router that was deleted after the moment is there again, also if
// nothing was written since.
func TestUntilBeforeADelete(t *testing.T) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 7)
	w.routes = true
	w.steps(30)
	w.backup("/backup")
	before := w.moment()
	w.now += 1000
	ctx, r := context.Background(), w.data.Registry
	routers, _ := r.Routing().Routers("", "", "", "", 10)
	for _, router := range routers[:1] {
		if _, _, err := r.Routing().DeleteRouter(ctx, router.Name); err != nil {
			t.Fatal(err)
		}
	}
	if gone, err := r.Delete(ctx, "topic-0", false); err != nil || !gone.Deleted {
		t.Fatalf("%+v, %v", gone, err)
	}
	if _, err := restoreTo(fsys, backup.Until{Time: before.time + 500}, "/archive", "/data/wal"); err != nil {
		t.Fatal(err)
	}
	same(t, "before the deletes", before.text, w.restored(fsys, "/restored"))
}
