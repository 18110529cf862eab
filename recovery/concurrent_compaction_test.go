package recovery_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/e6e95bb8/topics/recovery/recoverytest"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// A compaction that begins at any moment of a checkpoint, also between its manifest
// and the end of it, leaves out nothing that is live. Each topic is made after
// the checkpoint before, so that what is live there says nothing of it.
func TestCompactionDuringCheckpoints(t *testing.T) {
	o := options(crashfs.New(), 1, nil)
	o.Storage.ColdDir, o.Storage.ArchiveDir = "", ""
	data := recoverytest.Run(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := data.Compact(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	const rounds, each = 300, 3
	for i := range rounds {
		name := fmt.Sprint("t", i)
		for range each {
			w := topic.Write{Records: []record.Record{{Data: []byte(`"x"`)}}}
			if _, err := data.Registry.Append(t.Context(), name, &w); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := data.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i >= 20 { // so that segments have something dead in them
			if _, err := data.Registry.Delete(t.Context(), fmt.Sprint("t", i-20), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel()
	wg.Wait()
	for i := rounds - 20; i < rounds; i++ {
		if got, lost := readAll(t, data.Registry, fmt.Sprint("t", i)); len(got) != each || len(lost) > 0 {
			t.Errorf("topic t%d: %d records and %d lost, want %d", i, len(got), len(lost), each)
		}
	}
	if err := data.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
