package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// TestErasureWaits for a backup that holds files, one erasure at a time, and ends
// with the server.
func TestErasureWaits(t *testing.T) {
	ctx := context.Background()
	fsys := crashfs.New()
	p := newPersons(t, fsys, fsys)
	p.fill() // outside of the bubble: the coders of segments are shared with other tests
	p.tags("logins")
	if err := p.data.Close(ctx); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p.t, p.fsys = t, p.fsys.Kill()
		p.data = recoverytest.Run(t, options(p.fsys, 0, func() int64 { return simEpoch }))
		if st := p.data.ErasureState(); st.State != store.ErasureIdle {
			t.Errorf("before the first: %+v", st)
		}
		pin, err := p.data.Pin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p.deleteTag("logins", "gone")
		gone, leave := context.WithCancel(ctx)
		left := make(chan error, 1)
		go func() { _, err := p.data.Erase(gone); left <- err }()
		synctest.Wait()
		if st := p.data.ErasureState(); st.State != store.ErasureRunning || st.Step != store.StepFiles || st.WaitsFor != "backup" || st.Checked != st.Segments || st.Segments == 0 {
			t.Errorf("%+v", st)
		}
		if _, n := p.found("gone", everywhere...); n == 0 {
			t.Error("the backup has lost its files")
		}
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := p.data.StartErasure(); !errors.Is(err, store.ErrErasing) {
			t.Errorf("another one: %v", err)
		}
		pin.Release()
		synctest.Wait()
		if st := p.data.ErasureState(); st.State != store.ErasureDone || st.WaitsFor != "" {
			t.Errorf("%+v", st)
		}
		if files, n := p.found("gone", everywhere...); n > 0 {
			t.Errorf("%d records are left, in %v", n, files)
		}

		pin, err = p.data.Pin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p.deleteTag("logins", "stays")
		if err := p.data.StartErasure(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := p.data.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if st := p.data.ErasureState(); st.State != store.ErasureFailed || !strings.Contains(st.Error, "canceled") || st.Result != nil {
			t.Errorf("cut off: %+v", st)
		}
		pin.Release()
	})
}

// TestErasureWaitsForTheDisk: an erasure whose files cannot be removed says which and why,
// tries again, and gives its receipt when they are gone. Such are also a freed log file
// that could be neither zeroed nor removed, and what a failed checkpoint left, however
// long ago that was.
func TestErasureWaitsForTheDisk(t *testing.T) {
	ctx := context.Background()
	for what, tc := range map[string]struct {
		files string // the pattern of those that cannot be removed
		write string // the pattern of those that cannot be written either
		fail  func(p *persons, broken *atomic.Bool)
	}{
		"segments": {"/data/segments/*", "", func(p *persons, _ *atomic.Bool) {
			if _, err := p.data.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}},
		"freed log files": {"/data/wal/*", "/data/wal/0000000000000001.wal", func(p *persons, broken *atomic.Bool) {
			for freed := uint64(1); freed < 4; freed++ { // the handle of the first one keeps its name
				for p.data.Log.Files()[0].Index == freed {
					p.write("logins", 40, "stays")
					if _, err := p.data.Checkpoint(ctx); err != nil {
						t.Fatal(err)
					}
				}
				broken.Store(true)
			}
		}},
		"what a checkpoint left": {"/data/segments/*", "/data/segments/*.seg", func(p *persons, broken *atomic.Bool) {
			broken.Store(true)
			if _, err := p.data.Checkpoint(ctx); !errors.Is(err, errfs.ErrInjected) {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(what, func(t *testing.T) {
			fsys := crashfs.New()
			var broken, whole atomic.Bool
			removes := &errfs.Injector{Ops: errfs.Remove, Nth: 1, Sticky: true, Only: func(name string) bool {
				fits, _ := path.Match(tc.files, name)
				names, _ := fsys.List(path.Dir(name))
				return fits && broken.Load() && slices.Contains(names, path.Base(name))
			}}
			writes := &errfs.Injector{Ops: errfs.Write | errfs.Sync, Nth: 1, Sticky: true, Only: func(name string) bool {
				fits, _ := path.Match(tc.write, name)
				return fits && broken.Load() && !whole.Load()
			}}
			o := options(errfs.New(errfs.New(fsys, removes), writes), 0, func() int64 { return simEpoch })
			o.WAL.Manual = false
			p := newPersonsWith(t, fsys, o)
			p.write("logins", 20, "gone", "stays")
			tc.fail(p, &broken)
			broken.Store(true)
			whole.Store(true)
			p.deleteTag("logins", "gone")
			if err := p.data.StartErasure(); err != nil {
				t.Fatal(err)
			}
			ended := func() bool { return p.data.ErasureState().State != store.ErasureRunning }
			waits := comes(func() bool { return ended() || p.data.ErasureState().WaitsFor == "disk" })
			if st := p.data.ErasureState(); !waits || ended() || !strings.Contains(st.Error, "/data/") || !strings.Contains(st.Error, "injected") {
				t.Fatalf("it does not wait, or does not say for what: %+v", st)
			}
			broken.Store(false)
			comes(func() bool {
				pin, err := p.data.Pin(ctx) // its release is a reason to try again
				if err != nil {
					t.Fatal(err)
				}
				pin.Release()
				return ended()
			})
			if st := p.data.ErasureState(); st.State != store.ErasureDone || st.Error != "" {
				t.Errorf("%+v", st)
			}
			if files, n := p.found("gone", everywhere...); n > 0 {
				t.Errorf("%d records are left, in %v", n, files)
			}
			if err := p.data.Close(ctx); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestErasureAmongWriters: with everything running that runs in a server, and
// writers and compactions meanwhile, each receipt holds for what was deleted
// before, and no other record goes.
func TestErasureAmongWriters(t *testing.T) {
	ctx := context.Background()
	fsys := crashfs.New()
	p := &persons{t: t, fsys: fsys, rng: rand.New(rand.NewPCG(1, 2)), of: map[string][][]byte{}}
	o := crowdOptions(fsys, 1)
	o.WAL.FileBytes, o.Storage.CheckpointBytes = 16<<10, 32<<10
	o.Storage.Segment = segment.Limits{Bytes: 32 << 10, Records: 2000}
	p.data = recoverytest.Run(t, o)
	const rounds, writes = 6, 60
	for i := range rounds {
		tag := fmt.Sprint("person-", i)
		p.write("logins", 3, tag, "stays")
		if i%2 == 0 {
			if err := recoverytest.Upkeep(ctx, p.data); err != nil {
				t.Fatal(err)
			}
		}
		if n := p.deleteTag("logins", tag); n != 3 {
			t.Fatalf("%d deleted", n)
		}
		var wg sync.WaitGroup
		for writer := range 2 {
			wg.Go(func() {
				for range writes {
					w := &topic.Write{DisableBackpressure: true, Records: []record.Record{{Data: []byte(`"other"`)}, {Data: []byte(`"other"`)}}}
					if _, err := p.data.Registry.Append(ctx, fmt.Sprint("other-", writer), w); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Go(func() {
			if err := recoverytest.Upkeep(ctx, p.data); err != nil {
				t.Error(err)
			}
		})
		r, err := p.data.Erase(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if files, n := p.found(tag, everywhere...); n > 0 {
			t.Errorf("%d records of %s are left in %v, and the receipt is %+v", n, tag, files, r)
		}
		wg.Wait()
	}
	for writer := range 2 {
		if got, lost := readAll(t, p.data.Registry, fmt.Sprint("other-", writer)); len(got) != 2*rounds*writes || len(lost) > 0 {
			t.Errorf("writer %d: %d records and %d lost, want %d", writer, len(got), len(lost), 2*rounds*writes)
		}
	}
	if got := p.tags("logins"); got["stays"] != len(p.of["stays"]) || len(got) != 1 {
		t.Errorf("%v", got)
	}
	if err := p.data.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestErasureAfterACompaction: a compaction that is under way when an erasure
// begins goes by what was live before that, and leaves records in its outputs
// that the erasure is for. They are erased as well.
func TestErasureAfterACompaction(t *testing.T) {
	ctx := context.Background()
	fsys := crashfs.New()
	slow := &slowFS{FS: fsys}
	p := newPersons(t, fsys, slow)
	for range 8 {
		p.write("logins", 1, "gone")
		p.write("logins", 40, "noise")
		p.write("logins", 4, "stays")
		if _, err := p.data.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	p.deleteTag("logins", "noise")
	for range 2 {
		if _, err := p.data.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
	}
	begun := slow.close()
	compacted := make(chan error, 1)
	go func() { compacted <- p.data.Compact(ctx) }()
	<-begun // it reads a segment in the cold directory
	p.deleteTag("logins", "gone")
	before := p.data.Manifest().Checkpoint.Number
	erased := make(chan error, 1)
	go func() { _, err := p.data.Erase(ctx); erased <- err }()
	for p.data.Manifest().Checkpoint.Number < before+2 {
		runtime.Gosched()
	}
	slow.open()
	if err := errors.Join(<-compacted, <-erased); err != nil {
		t.Fatal(err)
	}
	if files, n := p.found("gone", everywhere...); n > 0 {
		t.Errorf("%d records are left, in %v", n, files)
	}
	if got := p.tags("logins"); len(got) != 1 || got["stays"] != len(p.of["stays"]) {
		t.Errorf("%v", got)
	}
	if err := p.data.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
