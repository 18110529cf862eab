package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// stored is a server with a log, states and segments in both tiers.
func stored(t *testing.T) (*crashfs.FS, *recovery.Recovered) {
	t.Helper()
	fsys := crashfs.New()
	ctx := context.Background()
	data, err := recovery.Run(ctx, options(fsys, 0, func() int64 { return 1_000_000 }))
	if err != nil {
		t.Fatal(err)
	}
	for round := range 6 {
		for i := range 3 {
			w := &topics.Write{DisableBackpressure: true}
			for n := range 30 {
				w.Records = append(w.Records, topics.Record{Data: fmt.Appendf(nil, `"%d %d %s"`, round, n, strings.Repeat("x", n)), Tag: []byte("t")})
			}
			if _, err := data.Registry.Append(ctx, fmt.Sprint("topic-", i), w); err != nil {
				t.Fatal(err)
			}
		}
		if round < 5 {
			if _, err := data.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(data.Reclaim(ctx), data.Cool(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := data.Log.WaitSynced(data.Log.Tail()); err != nil {
		t.Fatal(err)
	}
	return fsys, data
}

func flip(t *testing.T, fsys vfs.FS, name string, off int64) {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestScrub harms one byte of every file in turn: the scrub names the file, and
// the health check repeats it.
func TestScrub(t *testing.T) {
	fsys, data := stored(t)
	ctx := context.Background()
	s, err := data.Verify(ctx)
	if err != nil || s.DamagesTotal > 0 || s.Segments < 4 || s.States != 2 || s.Manifests != 2 || s.LogFiles == 0 ||
		s.Frames == 0 || s.Records == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	check := recovery.SegmentsCheck(data.DamageSeen)
	if c := check(); c.Status != recovery.Healthy {
		t.Fatalf("%+v", c)
	}
	names := []string{"/data/MANIFEST", "/data/MANIFEST.prev"}
	for _, dir := range []string{"/data/checkpoints", "/data/segments", "/cold"} {
		list, err := fsys.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range list {
			names = append(names, dir+"/"+name)
		}
	}
	for _, f := range data.Log.Files() {
		if f.First < data.Log.Synced() {
			names = append(names, "/data/wal/"+f.Name)
		}
	}
	for _, name := range names {
		for _, off := range []int64{30, 100} { // in the header, and behind it
			flip(t, fsys, name, off)
			s, err := data.Verify(ctx)
			if err != nil || s.DamagesTotal == 0 || s.Damages[0].File != name || s.Damages[0].Cause == "" {
				t.Errorf("%s at %d: %+v, %v", name, off, s.Damages, err)
			}
			if c := check(); c.Status != recovery.Unhealthy || !strings.Contains(c.Reason, name) {
				t.Errorf("%s at %d: %+v", name, off, c)
			}
			flip(t, fsys, name, off)
		}
	}
	if s, err := data.Verify(ctx); err != nil || s.DamagesTotal > 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	stats := data.StorageStats()
	if want := uint64(2*len(names) + 2); stats.VerifyRuns != want || stats.VerifyDamaged < want-2 || stats.VerifyAge == 0 {
		t.Errorf("%+v", stats)
	}
	if err := data.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := data.Verify(ctx); err == nil {
		t.Error("a scrub after the end")
	}
}

// slowFS holds every read of a file in the cold directory until it is let go.
type slowFS struct {
	vfs.FS
	begun chan struct{} // closed at the first
	once  sync.Once
	gate  chan struct{}
}

type slowFile struct {
	vfs.File
	fs *slowFS
}

func (s *slowFS) Open(name string) (vfs.File, error) {
	f, err := s.FS.Open(name)
	if err == nil && strings.HasPrefix(name, "/cold/") {
		f = slowFile{f, s}
	}
	return f, err
}

func (f slowFile) ReadAt(p []byte, off int64) (int, error) {
	if f.fs.gate != nil && off > 0 {
		f.fs.once.Do(func() { close(f.fs.begun) })
		<-f.fs.gate
	}
	return f.File.ReadAt(p, off)
}

// TestScrubIsShared holds that callers of a scrub under way get its result,
// that one who leaves does not end it, and that closing does.
func TestScrubIsShared(t *testing.T) {
	fsys, data := stored(t)
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	slow := &slowFS{FS: fsys.Kill(), begun: make(chan struct{}), gate: make(chan struct{})}
	data, err := recovery.Run(context.Background(), options(slow, 0, func() int64 { return 1_000_000 }))
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error)
	go func() { _, err := data.Verify(ctx); left <- err }()
	<-slow.begun
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	results := make(chan recovery.Scrub)
	for range 3 {
		go func() {
			s, err := data.Verify(context.Background())
			if err != nil {
				t.Error(err)
			}
			results <- s
		}()
	}
	for len(results) == 0 && data.LastScrub() == nil {
		select {
		case slow.gate <- struct{}{}:
		case s := <-results:
			if s.Segments == 0 {
				t.Errorf("%+v", s)
			}
			goto shared
		case <-time.After(time.Minute):
			t.Fatal("the scrub does not end")
		}
	}
shared:
	close(slow.gate)
	for range 2 {
		<-results
	}
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}
