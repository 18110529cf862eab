package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// start recovers a directory on fsys with small log files.
func start(t *testing.T, fsys vfs.FS, change ...func(*recovery.Options)) *recovery.Recovered {
	t.Helper()
	o := options(fsys, 0, func() int64 { return 1_000_000 })
	for _, f := range change {
		f(&o)
	}
	return recoverytest.Run(t, o)
}

// load appends n records of a kilobyte to each of some topics.
func load(t *testing.T, data *recovery.Recovered, n int) {
	t.Helper()
	for i := range n {
		for _, name := range []string{"a", "b"} {
			text := fmt.Sprintf(`"%s %d %01000d"`, name, data.Log.Tail(), i)
			w := topic.Write{Records: []record.Record{{Data: []byte(text), Tag: []byte("tag")}}}
			if _, err := data.Registry.Append(context.Background(), name, &w); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func take(t *testing.T, data *recovery.Recovered) store.Checkpointed {
	t.Helper()
	out, err := data.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// spoil overwrites the middle of a file.
func spoil(t *testing.T, fsys vfs.FS, name string) {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("spoiled"), size/2); err != nil {
		t.Fatal(err)
	}
}

// recordsIn is a dump without heads, counts and gaps.
func recordsIn(dump string) string {
	var lines []string
	for line := range strings.Lines(kept(dump)) {
		if strings.HasPrefix(line, "  ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// Whatever of the newest is damaged, the manifest or the state it names, what
// was before it has everything, after each of the first checkpoints.
func TestFallBack(t *testing.T) {
	for checkpoints := 1; checkpoints <= 4; checkpoints++ {
		for _, what := range []string{"manifest", "state", "both"} {
			t.Run(fmt.Sprintf("%s after %d", what, checkpoints), func(t *testing.T) {
				fsys := crashfs.New()
				data := start(t, fsys)
				for range checkpoints {
					load(t, data, 20)
					take(t, data)
				}
				load(t, data, 3)
				want := dump(t, data.Registry)
				m, err := manifest.Read(fsys, "/data")
				if err != nil {
					t.Fatal(err)
				}
				fsys = fsys.Kill()
				if what != "state" {
					spoil(t, fsys, "/data/MANIFEST")
				}
				if what != "manifest" {
					spoil(t, fsys, "/data/checkpoints/"+manifest.SnapshotName(m.Checkpoint.Number))
				}
				data = start(t, fsys)
				got := dump(t, data.Registry)
				if what != "state" { // whether the log had failed only the newest manifest knew
					want, got = recordsIn(want), recordsIn(got)
				}
				if got != want || data.Report.PowerLost != (what != "state") {
					t.Errorf("power lost: %v, differs: %s", data.Report.PowerLost, firstDifference(want, got))
				}
				if (what != "state") != (data.Report.ManifestFallback != "") || (what != "manifest") != (data.Report.CheckpointFallback != "") {
					t.Errorf("the report says %q and %q", data.Report.ManifestFallback, data.Report.CheckpointFallback)
				}
				load(t, data, 3) // and it goes on
				take(t, data)
				take(t, data)
				want = dump(t, data.Registry)
				if err := data.Close(context.Background()); err != nil {
					t.Fatal(err)
				}
				if got := dump(t, start(t, fsys.Kill()).Registry); got != want {
					t.Errorf("the next start differs: %s", firstDifference(want, got))
				}
			})
		}
	}
}

// An idle log is truncated: the checkpoint before
// the last one becomes as new as it.
func TestIdleLogIsGivenBack(t *testing.T) {
	data := start(t, crashfs.New())
	load(t, data, 100)
	full := data.Log.Stats().Files
	for range 2 {
		if out := take(t, data); out.Unchanged {
			t.Fatalf("%+v although the log is kept for an older one", out)
		}
	}
	if n := data.Log.Stats().Files; n > 2 || full < 5 {
		t.Errorf("%d log files of %d are left", n, full)
	}
	if out := take(t, data); !out.Unchanged {
		t.Errorf("%+v although nothing was written", out)
	}
	if s := data.StorageStats(); s.Checkpoints != 2 {
		t.Errorf("%d checkpoints counted", s.Checkpoints)
	}
}

// A cold directory belongs to one data directory; another one is refused, and
// touches nothing in it.
func TestColdDirectoryHasOneOwner(t *testing.T) {
	fsys := crashfs.New()
	data := start(t, fsys, func(o *recovery.Options) { o.Storage.HotSegments = 1 })
	for range 4 {
		load(t, data, 10)
		take(t, data)
	}
	if err := data.Offload(context.Background()); err != nil {
		t.Fatal(err)
	}
	before, err := fsys.List("/cold")
	if err != nil || len(before) < 3 {
		t.Fatalf("the cold directory has %v, %v", before, err)
	}
	o := options(fsys, 0, func() int64 { return 1_000_000 })
	o.Dir = "/other"
	_, err = recovery.Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), manifest.OwnerName) {
		t.Fatalf("another data directory: %v", err)
	}
	if failure := new(recovery.Failure); !errors.As(err, &failure) {
		t.Errorf("%T", err)
	}
	if after, err := fsys.List("/cold"); err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("it has %v now, %v", after, err)
	}
	want := dump(t, data.Registry)
	if got := dump(t, start(t, fsys.Kill(), func(o *recovery.Options) { o.Storage.HotSegments = 1 }).Registry); got != want {
		t.Errorf("its owner differs: %s", firstDifference(want, got))
	}
}

// The idempotency key of an ephemeral write goes with its records.
func TestEphemeralKeysGo(t *testing.T) {
	fsys := crashfs.New()
	data := start(t, fsys)
	ephemeral := "ephemeral"
	w := topic.Write{
		IdempotencyKey: "key", Records: []record.Record{{Data: []byte("1")}},
		Config: &record.ConfigPatch{Durability: &ephemeral},
	}
	if _, err := data.Registry.Append(context.Background(), "a", &w); err != nil {
		t.Fatal(err)
	}
	take(t, data)
	if err := data.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	data = start(t, fsys.Kill())
	if out, err := data.Registry.Append(context.Background(), "a", &w); err != nil || out.Deduped {
		t.Errorf("the write was taken for the lost one: %+v, %v", out, err)
	}
}
