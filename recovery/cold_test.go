package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// stuckFS is a file system whose cold directory answers no read while it is
// stuck.
type stuckFS struct {
	vfs.FS
	stuck  atomic.Bool
	asked  chan struct{} // gets one for each read that waits
	answer chan struct{} // closed: they go on
}

func (s *stuckFS) OpenRead(name string) (vfs.File, error) {
	f, err := s.FS.OpenRead(name)
	if err == nil && strings.HasPrefix(name, "/cold/") {
		f = stuckFile{f, s}
	}
	return f, err
}

type stuckFile struct {
	vfs.File
	fs *stuckFS
}

func (f stuckFile) ReadAt(p []byte, off int64) (int, error) {
	if f.fs.stuck.Load() {
		f.fs.asked <- struct{}{}
		<-f.fs.answer
	}
	return f.File.ReadAt(p, off)
}

// A cold directory that does not answer holds up the reads of what is in it and
// nothing else: not writes that evict there, not deletes there, not a
// checkpoint, not readers of what is new.
func TestSlowColdDirectory(t *testing.T) {
	fsys := &stuckFS{FS: crashfs.New(), asked: make(chan struct{}, 1), answer: make(chan struct{})}
	data := start(t, fsys, func(o *recovery.Options) { o.Storage.HotSegments, o.Storage.CacheBytes = 1, 0 })
	ctx := context.Background()
	for range 4 {
		load(t, data, 20)
		take(t, data)
	}
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	fsys.stuck.Store(true)

	type answer struct {
		batch *topic.Batch
		err   error
	}
	read := make(chan answer, 1)
	go func() {
		b, err := data.Registry.Read(ctx, "a", &topic.Query{Limit: 5, MaxBytes: 1 << 20})
		read <- answer{b, err}
	}()
	<-fsys.asked // it waits for the cold directory

	limit := int64(60)
	if _, err := data.Registry.Patch(ctx, "a", &record.ConfigPatch{CapRecords: &limit}); err != nil {
		t.Fatal(err)
	}
	load(t, data, 3)
	state, err := data.Registry.State("a", false)
	if err != nil || state.Count != limit || state.Earliest != state.Head-59 {
		t.Errorf("evicting: %+v, %v", state, err)
	}
	tagged, err := record.NewMatch("Eq", "tag")
	if err != nil {
		t.Fatal(err)
	}
	before := uint64(30)
	if out, err := data.Registry.DeleteRecords(ctx, "b", &topics.Deletion{Match: &tagged, Before: &before}); err != nil || out.Deleted != 29 {
		t.Errorf("deleting: %+v, %v", out, err)
	}
	if b, err := data.Registry.Read(ctx, "b", &topic.Query{From: state.Head - 2, Limit: 5, MaxBytes: 1 << 20}); err != nil || len(b.Records) != 2 {
		t.Errorf("the tail: %+v, %v", b, err)
	}
	take(t, data)
	select {
	case a := <-read:
		t.Fatalf("the cold read did not wait: %+v", a)
	default:
	}
	fsys.stuck.Store(false)
	close(fsys.answer)
	if a := <-read; a.err != nil || len(a.batch.Records) != 5 || a.batch.Records[0].Seq != 1 || a.batch.Cost.Cold == 0 {
		t.Errorf("the cold read: %+v, %v", a.batch, a.err)
	}
}

// A cold directory that cannot be written is read all the same, and health says
// so. What was to move there moves when it can.
func TestReadOnlyColdDirectory(t *testing.T) {
	ctx := context.Background()
	inner := crashfs.New()
	hot := func(o *recovery.Options) { o.Storage.HotSegments = 1 }
	data := start(t, inner, hot)
	for range 3 {
		load(t, data, 10)
		take(t, data)
	}
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	want := dump(t, data.Registry)
	inner = inner.Kill()

	var readOnly atomic.Bool
	readOnly.Store(true)
	inj := &errfs.Injector{
		Ops: errfs.Mutating &^ errfs.MkdirAll, // that it is there is all that is asked
		Nth: 1, Sticky: true, Err: syscall.EROFS,
		Only: func(name string) bool { return readOnly.Load() && strings.HasPrefix(name, "/cold") },
	}
	data = start(t, errfs.New(inner, inj), hot)
	if got := dump(t, data.Registry); got != want {
		t.Errorf("on a read-only cold directory: %s", firstDifference(want, got))
	}
	degraded := func(when string) {
		t.Helper()
		if c := data.CheckpointsCheck(); c.Status != health.Degraded || !strings.Contains(c.Reason, "/cold") {
			t.Errorf("%s: %+v", when, c)
		}
		if c := data.ColdCheck(); c.Status != health.Degraded || strings.Contains(c.Reason, "since 0001-") {
			t.Errorf("%s: %+v", when, c)
		}
	}
	degraded("at the start")
	if err := data.Offload(ctx); !errors.Is(err, syscall.EROFS) {
		t.Errorf("with nothing to move: %v", err)
	}
	before, err := inner.List("/cold")
	if err != nil {
		t.Fatal(err)
	}
	load(t, data, 10)
	take(t, data)
	load(t, data, 10)
	take(t, data)
	if err := data.Offload(ctx); !errors.Is(err, syscall.EROFS) {
		t.Errorf("moving there: %v", err)
	}
	degraded("after a move")
	if err := data.Compact(ctx); err != nil {
		t.Errorf("merging: %v", err)
	}
	if after, err := inner.List("/cold"); err != nil || !slices.Equal(before, after) {
		t.Errorf("it has %v, had %v, %v", after, before, err)
	}
	want = dump(t, data.Registry)

	readOnly.Store(false)
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	take(t, data)
	if c := data.CheckpointsCheck(); c.Status != health.Healthy {
		t.Errorf("writable again: %+v", c)
	}
	if after, err := inner.List("/cold"); err != nil || len(after) <= len(before) {
		t.Errorf("it has %v, had %v, %v", after, before, err)
	}
	if got := dump(t, start(t, inner.Kill(), hot).Registry); got != want {
		t.Errorf("at the end: %s", firstDifference(want, got))
	}
}

// A cold directory without room for another file can be claimed, or what fills
// it could never be removed.
func TestFullColdDirectory(t *testing.T) {
	ctx := context.Background()
	inner := crashfs.New()
	var full atomic.Bool
	inj := &errfs.Injector{
		Ops: errfs.Create, Nth: 1, Sticky: true, Err: syscall.ENOSPC,
		Only: func(name string) bool { return full.Load() && strings.HasPrefix(name, "/cold") },
	}
	data := start(t, errfs.New(inner, inj), func(o *recovery.Options) { o.Storage.HotSegments = 0 })
	for range 3 {
		load(t, data, 10)
		take(t, data)
	}
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	before, err := inner.List("/cold")
	if err != nil || len(before) < 4 {
		t.Fatalf("it has %v, %v", before, err)
	}
	full.Store(true)
	for _, name := range []string{"a", "b"} {
		if _, err := data.Registry.Delete(ctx, name, false); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		take(t, data)
	}
	if err := data.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	if after, err := inner.List("/cold"); err != nil || len(after) > 1 {
		t.Errorf("it has %v, had %v, %v", after, before, err)
	}
}

// Two that archive to one directory do not copy there at once.
func TestArchiveIsLockedWhileCopying(t *testing.T) {
	fsys := crashfs.New()
	data := start(t, fsys)
	if err := fsys.MkdirAll("/archive"); err != nil {
		t.Fatal(err)
	}
	other, err := fsys.Hold("/archive", vfs.Exclusive)
	if err != nil {
		t.Fatal(err)
	}
	load(t, data, 50)
	for range 2 { // the second would let go of the log
		take(t, data)
	}
	if n := data.Log.Stats().Freed; n > 0 {
		t.Errorf("%d log files went without being archived", n)
	}
	if c := data.ArchiveCheck(); c.Status != health.Degraded || !strings.Contains(c.Reason, "/archive is held") {
		t.Errorf("while another copies: %+v", c)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	load(t, data, 50)
	take(t, data)
	if c := data.ArchiveCheck(); c.Status != health.Healthy {
		t.Errorf("when it is done: %+v", c)
	}
}

// What is newer in a cold directory than everything that a data directory has
// is not what that one left there. It stays, and its name is not used again.
func TestNewerStaysInTheColdDirectory(t *testing.T) {
	fsys := crashfs.New()
	hot := func(o *recovery.Options) { o.Storage.HotSegments = 0 }
	data := start(t, fsys, hot)
	load(t, data, 10)
	take(t, data)
	if err := data.Offload(context.Background()); err != nil {
		t.Fatal(err)
	}
	fsys = fsys.Kill()
	newer, older := segment.DataName(0x1000), segment.DataName(0)
	for _, name := range []string{newer, older, "notes.txt"} {
		f, err := fsys.Create("/cold/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	data = start(t, fsys, hot)
	names, err := fsys.List("/cold")
	if err != nil || !slices.Contains(names, newer) || !slices.Contains(names, "notes.txt") || slices.Contains(names, older) {
		t.Errorf("the cold directory has %v, %v", names, err)
	}
	load(t, data, 10)
	take(t, data)
	names, err = fsys.List("/data/segments")
	if err != nil || !slices.ContainsFunc(names, func(name string) bool { return name > newer }) {
		t.Errorf("the segments are %v, %v", names, err)
	}
}

// A cold directory that is taken away while a server runs, as when it is
// unmounted, gets nothing written in its place.
func TestColdDirectoryLosesItsOwner(t *testing.T) {
	fsys := crashfs.New()
	data := start(t, fsys, func(o *recovery.Options) { o.Storage.HotSegments = 0 })
	load(t, data, 10)
	take(t, data)
	if err := fsys.Remove("/cold/" + manifest.OwnerName); err != nil {
		t.Fatal(err)
	}
	if err := data.Offload(context.Background()); err == nil || !strings.Contains(err.Error(), manifest.OwnerName+" is gone") {
		t.Errorf("without its owner: %v", err)
	}
	if names, err := fsys.List("/cold"); err != nil || len(names) > 1 {
		t.Errorf("it has %v, %v", names, err)
	}
	data = start(t, fsys.Kill(), func(o *recovery.Options) { o.Storage.HotSegments = 0 })
	if err := data.Offload(context.Background()); err != nil {
		t.Errorf("after another start: %v", err)
	}
}

// The owner of an older program has no generation, and OWNER of another form is
// no reason to take the directory.
func TestOwnerForms(t *testing.T) {
	for text, want := range map[string]manifest.Owner{
		"":                                     {},
		"00000000000000a1\n":                   {Instance: 0xa1},
		"00000000000000a1\n00000000000000b2\n": {Instance: 0xa1, Generation: 0xb2},
		"x\n":                                  {},
		"1 2 3":                                {},
	} {
		fsys := crashfs.New()
		if err := vfs.WriteFileAtomic(fsys, "/", manifest.OwnerName, "tmp", []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := manifest.ReadOwner(fsys, "/")
		if got != want || (err == nil) != (want != manifest.Owner{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if got, err := manifest.ReadOwner(crashfs.New(), "/"); got != (manifest.Owner{}) || err != nil {
		t.Errorf("no file: %+v, %v", got, err)
	}
	fsys := crashfs.New()
	data := start(t, fsys)
	owner, err := manifest.ReadOwner(fsys, "/cold")
	if err != nil || data.Close(context.Background()) != nil {
		t.Fatal(err)
	}
	// An older program takes both generations away.
	m, err := manifest.Read(fsys, "/data")
	if err != nil || owner.Instance != m.Instance || owner.Generation != m.ColdGeneration || owner.Generation == 0 {
		t.Fatalf("%+v, %+v, %v", owner, m, err)
	}
	m.ColdGeneration, m.ColdBefore = 0, 0
	if err := manifest.Write(fsys, "/data", m); err != nil {
		t.Fatal(err)
	}
	fsys = fsys.Kill()
	if _, err := recovery.Run(context.Background(), options(fsys, 0, func() int64 { return 1_000_000 })); err == nil {
		t.Error("an older copy was accepted")
	}
	if err := vfs.WriteFileAtomic(fsys, "/cold", manifest.OwnerName, "tmp", fmt.Appendf(nil, "%016x\n", m.Instance)); err != nil {
		t.Fatal(err)
	}
	start(t, fsys)
}

// The check names a file that cannot be removed, and the removal of
// the others is not taken for one that hangs.
func TestOneFileStaysInTheColdDirectory(t *testing.T) {
	ctx := context.Background()
	clock := time.Unix(1_700_000_000, 0)
	broken, all, stays := false, true, ""
	inj := &errfs.Injector{Nth: 1, Sticky: true, Ops: errfs.Remove, Only: func(name string) bool {
		if broken && stays == "" && strings.HasPrefix(name, "/cold/") {
			stays = name
		}
		return broken && strings.HasPrefix(name, "/cold/") && (all || name == stays)
	}}
	data := start(t, errfs.New(crashfs.New(), inj), func(o *recovery.Options) {
		o.Storage.HotSegments = 0
		o.Now = func() time.Time { return clock }
	})
	for range 3 {
		load(t, data, 10)
		take(t, data)
	}
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := data.Registry.Delete(ctx, name, false); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		take(t, data)
	}
	broken = true
	if err := data.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	all = false
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(time.Hour)
	if c := data.ColdCheck(); !inj.Fired() || c.Status != health.Degraded || strings.Contains(c.Reason, "has not answered") {
		t.Errorf("%s stays: %+v", stays, c)
	}
	broken = false
	if err := data.Offload(ctx); err != nil {
		t.Fatal(err)
	}
	if c := data.ColdCheck(); c.Status != health.Healthy {
		t.Errorf("after another attempt: %+v", c)
	}
}
