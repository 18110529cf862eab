package recovery_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
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
	if err := data.Cool(ctx); err != nil {
		t.Fatal(err)
	}
	fsys.stuck.Store(true)

	type answer struct {
		batch *topics.Batch
		err   error
	}
	read := make(chan answer, 1)
	go func() {
		b, err := data.Registry.Read(ctx, "a", &topics.Query{Limit: 5, MaxBytes: 1 << 20})
		read <- answer{b, err}
	}()
	<-fsys.asked // it waits for the cold directory

	limit := int64(60)
	if _, err := data.Registry.Patch(ctx, "a", &topics.ConfigPatch{CapRecords: &limit}); err != nil {
		t.Fatal(err)
	}
	load(t, data, 3)
	state, err := data.Registry.State("a", false)
	if err != nil || state.Count != limit || state.Earliest != state.Head-59 {
		t.Errorf("evicting: %+v, %v", state, err)
	}
	tagged, err := topics.NewMatch("Eq", "tag")
	if err != nil {
		t.Fatal(err)
	}
	before := uint64(30)
	if out, err := data.Registry.DeleteRecords(ctx, "b", &topics.Deletion{Match: &tagged, Before: &before}); err != nil || out.Deleted != 29 {
		t.Errorf("deleting: %+v, %v", out, err)
	}
	if b, err := data.Registry.Read(ctx, "b", &topics.Query{From: state.Head - 2, Limit: 5, MaxBytes: 1 << 20}); err != nil || len(b.Records) != 2 {
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
