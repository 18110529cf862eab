package recovery_test

import (
	"context"
	"fmt"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// errnos are the reasons for which an operation may fail that works a moment
// later.
var errnos = []syscall.Errno{
	syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE,
	syscall.ENOMEM, syscall.EACCES, syscall.EROFS, syscall.EINTR, syscall.ESTALE,
}

// background does what the background does, as far as it gets.
func background(data *recovery.Recovered) (errs []error) {
	ctx := context.Background()
	_, err := data.Checkpoint(ctx)
	errs = append(errs, err, data.Compact(ctx), data.Offload(ctx))
	for _, err := range errs {
		if err != nil {
			return errs
		}
	}
	if _, err := data.Erase(ctx); err != nil {
		return []error{err}
	}
	return nil
}

// strays are the files that no manifest on disk names and no start would find
// of use.
func strays(t *testing.T, fsys vfs.FS) (names []string) {
	t.Helper()
	named := map[string]bool{"/cold/" + manifest.OwnerName: true, "/cold/" + manifest.OwnerName + ".tmp": true} // the next OWNER
	for _, base := range []string{manifest.Name, manifest.PrevName} {
		m, err := manifest.ReadFile(fsys, "/data", base)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
			if c == nil {
				continue
			}
			for _, f := range c.Stored("/data", "/cold") {
				named[f.Path] = true
			}
		}
	}
	for _, dir := range []string{"/data/segments", "/data/checkpoints", "/cold"} {
		list, err := fsys.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, base := range list {
			if name := path.Join(dir, base); !named[name] {
				names = append(names, name)
			}
		}
	}
	for name := range named {
		if _, err := fsys.OpenRead(name); err != nil {
			t.Errorf("a manifest names what is not there: %v", err)
		}
	}
	return names
}

// TestTemporaryFailures fails every operation of checkpoints, merges,
// relocations and the archive once, for every reason that may pass. The
// operation that failed is reported and tried again, and then everything is as
// if it had not failed: no check complains, nothing is lost, and no file is
// left over.
func TestTemporaryFailures(t *testing.T) {
	for shift, errno := range errnos {
		t.Run(fmt.Sprintf("%v", errno), func(t *testing.T) {
			fired := 0
			for n := 1 + shift; ; n += 97 {
				armed := false
				inj := &errfs.Injector{Nth: n, Err: errno, Only: func(name string) bool {
					return armed && !strings.HasPrefix(name, "/data/wal") // the log has tests of its own
				}}
				disk := crashfs.New()
				data := start(t, errfs.New(disk, inj))
				armed = true
				for i := range 6 {
					load(t, data, 4)
					if i == 3 {
						before := uint64(10)
						if _, err := data.Registry.DeleteRecords(context.Background(), "a", &topics.Deletion{Before: &before}); err != nil {
							t.Fatal(err)
						}
					}
					background(data)
				}
				armed = false
				for range 3 { // the second makes both checkpoints new, the third removes what was left
					load(t, data, 1)
					if errs := background(data); errs != nil {
						t.Fatalf("failure %d, %v: afterwards: %v", n, inj.Failed(), errs)
					}
				}
				for _, check := range []health.Check{data.CheckpointsCheck, data.ArchiveCheck, data.ColdCheck, data.ReserveCheck} {
					if c := check(); c.Status != health.Healthy {
						t.Fatalf("failure %d, %v: %+v", n, inj.Failed(), c)
					}
				}
				if left := strays(t, disk); len(left) > 0 {
					t.Fatalf("failure %d, %v: left over: %v", n, inj.Failed(), left)
				}
				want := dump(t, data.Registry)
				if got, _ := readAll(t, data.Registry, "b"); len(got) != 27 {
					t.Fatalf("failure %d, %v: %d records", n, inj.Failed(), len(got))
				}
				if got := dump(t, start(t, disk.Kill()).Registry); got != want {
					t.Fatalf("failure %d, %v: the next start differs: %s", n, inj.Failed(), firstDifference(want, got))
				}
				if !inj.Fired() {
					break
				}
				fired++
			}
			if fired < 5 {
				t.Fatalf("only %d failures", fired)
			}
		})
	}
}
