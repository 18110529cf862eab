package backup_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// keep takes one backup of the world into /kept, through fsys.
func (w *world) keep(fsys vfs.FS, number int, archive string) (*backup.Kept, error) {
	k := backup.Keeping{
		FS: fsys, Into: "/kept", Keep: number, Archive: archive,
		Now:       func() time.Time { return time.UnixMilli(w.now) },
		RemoveDir: func(string) error { return nil }, // crashfs keeps empty directories
	}
	return backup.Keep(context.Background(), k, func(ctx context.Context, dir string) (*backup.Description, error) {
		return w.take(ctx, fsys, dir)
	})
}

// take streams a backup into a directory.
func (w *world) take(ctx context.Context, fsys vfs.FS, dir string) (*backup.Description, error) {
	r, out := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := backup.Stream(ctx, w.data.Store, out)
		out.CloseWithError(err)
	}()
	d, err := backup.Unpack(ctx, fsys, dir, r)
	r.CloseWithError(io.ErrClosedPipe)
	<-ended
	return d, err
}

// good returns the backups in /kept that have a description, and whether one of
// them passes its verification.
func good(t *testing.T, fsys vfs.FS) (complete int, verified bool) {
	t.Helper()
	names, err := fsys.List("/kept")
	if err != nil {
		return 0, false
	}
	for _, name := range names {
		dir := path.Join("/kept", name)
		if !strings.HasPrefix(name, "backup-") {
			continue
		}
		if _, err := backup.Read(fsys, dir); err != nil {
			continue
		}
		complete++
		r, err := backup.Verify(context.Background(), fsys, dir)
		verified = verified || err == nil && len(r.Faults) == 0
	}
	return complete, verified
}

func TestKeepRetains(t *testing.T) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 7)
	for i := range 5 {
		w.now += 60_000
		w.steps(20)
		w.upkeep()
		kept, err := w.keep(fsys, 2, "/archive")
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := good(t, fsys); n != min(i+1, 2) || kept.Backups != n || !ok {
			t.Errorf("after %d backups %d are left, %d by the report", i+1, n, kept.Backups)
		}
	}
	// What the archive still has brings the oldest backup forward.
	names, err := fsys.List("/kept")
	if err != nil {
		t.Fatal(err)
	}
	oldest := ""
	for _, name := range names {
		d, err := backup.Read(fsys, path.Join("/kept", name))
		if err != nil {
			continue
		}
		if oldest == "" {
			oldest = path.Join("/kept", name)
			logs, err := fsys.List("/archive")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range logs {
				if index, ok := wal.ParseName(name); ok && d.Checkpoint != nil && index < d.Checkpoint.File {
					t.Errorf("%s is in the archive, and the oldest backup begins with %d", name, d.Checkpoint.File)
				}
			}
		}
	}
	w.close()
	after := fsys.Kill()
	if _, err := backup.Restore(context.Background(), backup.Restoring{FS: after, From: oldest, To: "/restored",
		Archives: []string{"/archive", "/data/wal"}, BootID: "boot", Mount: "mount"}); err != nil {
		t.Fatal(err)
	}
	w.restored(after, "/restored")
}

// Whatever operation is the last one before a power cut, a good backup is left,
// and the next run works.
func TestKeepSurvivesEveryCrash(t *testing.T) {
	base := crashfs.New()
	w := newWorld(t, base, 11)
	w.steps(20)
	w.upkeep()
	if _, err := w.keep(base, 1, "/archive"); err != nil {
		t.Fatal(err)
	}
	w.steps(5)
	points := 0
	for n := 1; ; n += 1 + n/8 { // every one at first, then fewer
		w.now += 1000
		inj := &errfs.Injector{Ops: errfs.Mutating, Nth: n, Sticky: true, Err: syscall.EIO, Only: func(name string) bool {
			return strings.HasPrefix(name, "/kept") || strings.HasPrefix(name, "/archive")
		}}
		_, err := w.keep(errfs.New(base, inj), 1, "/archive")
		if complete, ok := good(t, base); complete == 0 || !ok {
			t.Fatalf("operation %d failed, and no good backup is left", n)
		}
		cut := base.Clone().Crash(rand.New(rand.NewPCG(uint64(n), 1)))
		if complete, ok := good(t, cut); complete == 0 || !ok {
			t.Fatalf("after a power cut at operation %d no good backup is left", n)
		}
		if !inj.Fired() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		points++
	}
	if complete, _ := good(t, base); complete != 1 || points < 10 {
		t.Errorf("%d backups are left after %d points of failure", complete, points)
	}
}

// Two at a time exclude each other.
func TestKeepExcludesAnother(t *testing.T) {
	fsys := crashfs.New()
	w := newWorld(t, fsys, 3)
	w.steps(5)
	k := backup.Keeping{FS: fsys, Into: "/kept", Keep: 1, Now: time.Now, RemoveDir: func(string) error { return nil }}
	_, err := backup.Keep(context.Background(), k, func(ctx context.Context, dir string) (*backup.Description, error) {
		if _, err := w.keep(fsys, 1, ""); err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("the other one: %v", err)
		}
		return w.take(ctx, fsys, dir)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A report that a good backup was verified outlives the server; one of a backup that
// failed, or that is not known, is refused and changes nothing.
func TestVerifiedIsNoted(t *testing.T) {
	fsys := crashfs.New()
	if err := fsys.MkdirAll("/data"); err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(5_000_000).UTC()
	open := func() *backup.History {
		t.Helper()
		h, err := backup.OpenHistory(fsys, "/data", func() time.Time { return at })
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := open()
	for through, outcome := range map[int64]string{7: backup.Good, 8: backup.Failed} {
		if err := h.Add(backup.Attempt{StartedAt: at, FinishedAt: at, ThroughTS: through, Outcome: outcome}); err != nil {
			t.Fatal(err)
		}
	}
	for _, through := range []int64{8, 9, 0} {
		if _, err := h.Verified(through); !errors.Is(err, backup.ErrUnknown) {
			t.Errorf("%d: %v", through, err)
		}
	}
	if !open().LastVerified().IsZero() {
		t.Error("a refused report is noted")
	}
	at = at.Add(time.Hour)
	if when, err := h.Verified(7); err != nil || !when.Equal(at) {
		t.Errorf("%v, %v", when, err)
	}
	h = open()
	if !h.LastVerified().Equal(at) {
		t.Errorf("last verified at %v", h.LastVerified())
	}
	for _, a := range h.Past().Backups {
		if (a.VerifiedAt != nil) != (a.ThroughTS == 7) || a.VerifiedAt != nil && !a.VerifiedAt.Equal(at) {
			t.Errorf("%+v", a)
		}
	}
	// It stays when the backup is no longer among the last.
	for range 20 {
		if err := h.Add(backup.Attempt{StartedAt: at, FinishedAt: at, Outcome: backup.Failed}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Verified(7); !errors.Is(err, backup.ErrUnknown) || !open().LastVerified().Equal(at) {
		t.Errorf("%v, last verified at %v", err, open().LastVerified())
	}
}

// The account of backups outlives the server, and counts from its beginning
// while there is no good one.
func TestHistory(t *testing.T) {
	fsys := crashfs.New()
	if err := fsys.MkdirAll("/data"); err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_000_000).UTC()
	now := func() time.Time { return at }
	open := func() *backup.History {
		t.Helper()
		h, err := backup.OpenHistory(fsys, "/data", now)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	open()
	if names, err := fsys.List("/data"); err != nil || len(names) > 0 {
		t.Errorf("a start wrote %v, %v", names, err)
	}
	if err := open().Begin(); err != nil {
		t.Fatal(err)
	}
	at = at.Add(2 * time.Hour)
	if c := open().Check(time.Hour); !strings.Contains(c.Reason, "no good backup") {
		t.Errorf("two hours without a backup: %+v", c)
	}
	h := open()
	for i := range 25 {
		outcome := backup.Failed
		if i == 20 {
			outcome = backup.Good
		}
		if err := h.Add(backup.Attempt{StartedAt: at, FinishedAt: at.Add(time.Duration(i) * time.Second), Bytes: int64(i), Outcome: outcome}); err != nil {
			t.Fatal(err)
		}
	}
	h = open()
	past := h.Past()
	if len(past.Backups) != 20 || past.Backups[0].Bytes != 24 || past.LastGoodAt == nil || !past.LastGoodAt.Equal(at.Add(20*time.Second)) {
		t.Errorf("past %+v", past)
	}
	if c := h.Check(time.Hour); c.Reason != "" {
		t.Errorf("a fresh backup: %+v", c)
	}
	at = at.Add(3 * time.Hour)
	if c := h.Check(time.Hour); !strings.HasPrefix(c.Reason, "the last good backup was 2h59m40s ago") {
		t.Errorf("an old backup: %+v", c)
	}
}
