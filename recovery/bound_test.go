package recovery_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// heldFS lets no checkpoint begin its state before it is released.
type heldFS struct {
	vfs.FS
	begin chan struct{}
}

func (h heldFS) Create(name string) (vfs.File, error) {
	if strings.HasPrefix(name, "/data/checkpoints/") {
		<-h.begin
	}
	return h.FS.Create(name)
}

// While a checkpoint does not get on the log grows to its bound and no further;
// then writes are throttled, deletes are not, and once it is through
// they go on.
func TestLogHasABound(t *testing.T) {
	const due = 64 << 10
	fsys := heldFS{crashfs.New(), make(chan struct{})}
	data := start(t, fsys, func(o *recovery.Options) {
		o.WAL.Manual, o.WAL.QueueWait = false, 20*time.Millisecond
		o.Storage.CheckpointBytes = due
	})
	ctx := context.Background()
	write := func() error {
		w := topic.Write{Records: []record.Record{{Data: []byte(`"` + strings.Repeat("x", 4000) + `"`)}}}
		_, err := data.Registry.Append(ctx, "a", &w)
		return err
	}
	var err error
	for data.Log.Tail() < 10*due {
		// Before the bound a write has to wait only where the machine is slow.
		if err = write(); err != nil && (kind(err) != record.KindThrottled || data.Log.Tail() >= 3*due) {
			break
		}
	}
	if size := data.Log.Tail(); kind(err) != record.KindThrottled || size < 3*due || size > 3*due+8<<10 {
		t.Errorf("at %d bytes of log: %v", size, err)
	}
	before := uint64(3)
	if out, err := data.Registry.DeleteRecords(ctx, "a", &topics.Deletion{Before: &before}); err != nil || out.Deleted != 2 {
		t.Errorf("a delete meanwhile: %+v, %v", out, err)
	}
	close(fsys.begin)
	w := topic.Write{DisableBackpressure: true, Records: []record.Record{{Data: []byte("1")}}}
	if _, err := data.Registry.Append(ctx, "a", &w); err != nil { // waits for the checkpoint
		t.Error(err)
	}
	if err := data.Close(ctx); err != nil {
		t.Error(err)
	}
}
