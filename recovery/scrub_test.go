package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
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
			w := &topic.Write{DisableBackpressure: true}
			for n := range 30 {
				w.Records = append(w.Records, record.Record{Data: fmt.Appendf(nil, `"%d %d %s"`, round, n, strings.Repeat("x", n)), Tag: []byte("t")})
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
	if err := errors.Join(data.Compact(ctx), data.Offload(ctx)); err != nil {
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
	if err != nil || s.DamagesTotal > 0 || s.Segments < 4 || s.Snapshots != 2 || s.Manifests != 2 || s.LogFiles == 0 ||
		s.Frames == 0 || s.Records == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	check := store.SegmentsCheck(data.DamageSeen)
	if c := check(); c.Status != health.Healthy {
		t.Fatalf("%+v", c)
	}
	names := []string{"/data/MANIFEST", "/data/MANIFEST.prev"}
	for _, dir := range []string{"/data/checkpoints", "/data/segments", "/cold"} {
		list, err := fsys.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range list {
			if strings.HasPrefix(name, manifest.OwnerName) { // read at every start
				continue
			}
			names = append(names, dir+"/"+name)
		}
	}
	for _, f := range data.Log.Files() {
		if f.First < data.Log.Synced() {
			names = append(names, "/data/wal/"+f.Name)
		}
	}
	for _, name := range names {
		for _, off := range []int64{30, 100} { // in the header, and after it
			flip(t, fsys, name, off)
			s, err := data.Verify(ctx)
			if err != nil || s.DamagesTotal == 0 || s.Damages[0].File != name || s.Damages[0].Cause == "" {
				t.Errorf("%s at %d: %+v, %v", name, off, s.Damages, err)
			}
			if c := check(); c.Status != health.Unhealthy || !strings.Contains(c.Reason, name) {
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

// slowFS holds reads of files in the cold directory until a gate opens.
type slowFS struct {
	vfs.FS
	mu    sync.Mutex    // guards what follows
	begun chan struct{} // closed at the first that is held
	gate  chan struct{} // nil: open
}

func (s *slowFS) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.gate)
	s.gate = nil
}

// close returns what is closed when a read is held.
func (s *slowFS) close() (begun <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.gate = make(chan struct{}), make(chan struct{})
	return s.begun
}

func (s *slowFS) pass() {
	s.mu.Lock()
	gate := s.gate
	if s.begun != nil && gate != nil {
		close(s.begun)
		s.begun = nil
	}
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

type slowFile struct {
	vfs.File
	fs *slowFS
}

func (s *slowFS) OpenRead(name string) (vfs.File, error) {
	f, err := s.FS.OpenRead(name)
	if err == nil && strings.HasPrefix(name, "/cold/") {
		f = slowFile{f, s}
	}
	return f, err
}

func (f slowFile) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 { // opening reads the header
		f.fs.pass()
	}
	return f.File.ReadAt(p, off)
}

// TestScrubIsShared holds that callers of a scrub under way get its result,
// that a caller that leaves does not end it, and that closing does.
func TestScrubIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, data := stored(t)
		if err := data.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		slow := &slowFS{FS: fsys.Kill()}
		begun := slow.close()
		data, err := recovery.Run(context.Background(), options(slow, 0, func() int64 { return 1_000_000 }))
		if err != nil {
			t.Fatal(err)
		}
		if st := data.VerifyState(); st.State != store.ScrubIdle || st.Progress != 0 {
			t.Errorf("before the first: %+v", st)
		}
		verify := func(ctx context.Context) <-chan error {
			done := make(chan error, 1)
			go func() { _, err := data.Verify(ctx); done <- err }()
			return done
		}
		ctx, leave := context.WithCancel(context.Background())
		first := verify(ctx)
		<-begun
		others := []<-chan error{verify(context.Background()), verify(context.Background())}
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := data.StartVerify(); err != nil { // there is one
			t.Fatal(err)
		}
		synctest.Wait()
		st := data.VerifyState()
		if st.State != store.ScrubRunning || st.Started.IsZero() || st.Total == 0 || st.Bytes > st.Total || st.Progress >= 1 || st.Result != nil {
			t.Errorf("under way: %+v", st)
		}
		planned := st.Total
		slow.open()
		for _, other := range others {
			if err := <-other; err != nil {
				t.Fatal(err)
			}
		}
		if s := data.StorageStats(); s.VerifyRuns != 1 || data.LastScrub() == nil {
			t.Fatalf("%+v", s)
		}
		st = data.VerifyState()
		if st.State != store.ScrubDone || st.Progress != 1 || st.Result == nil || st.Bytes != st.Total || st.Total != st.Result.Bytes || planned != st.Total {
			t.Errorf("done: %+v, planned %d", st, planned)
		}

		begun = slow.close()
		last := verify(context.Background())
		<-begun
		closed := make(chan error, 1)
		go func() { closed <- data.Close(context.Background()) }()
		synctest.Wait()
		slow.open()
		if err := <-last; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		if _, err := data.Verify(context.Background()); !errors.Is(err, wal.ErrClosed) {
			t.Errorf("after Close: %v", err) // what clients get 503 for
		}
		if st := data.VerifyState(); st.State != store.ScrubFailed || st.Error == "" || st.Progress >= 1 {
			t.Errorf("cut off: %+v", st)
		}
	})
}
