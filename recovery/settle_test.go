package recovery_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// TestSettlingIsCut cuts the power under many topics, and then kills the
// recovery that settles what they lost at each of its operations, the log's
// move to another file among them. The one that follows, in the same boot,
// must still know of the power cut: no topic gives out a seq again.
func TestSettlingIsCut(t *testing.T) {
	const many = 150
	name := func(i int) string { return fmt.Sprint("t", i) }
	now := func() int64 { return 1_000_000 }
	up := func(fsys *crashfs.FS, boot int) (*recovery.Recovered, error) {
		o := options(fsys, boot, now)
		o.WAL.FileBytes = 4 << 10
		return recovery.Run(context.Background(), o)
	}
	write := func(data *recovery.Recovered, i, n int) topics.Written {
		t.Helper()
		w := &topics.Write{DisableBackpressure: true}
		for range n {
			w.Records = append(w.Records, topics.Record{Data: []byte("1")})
		}
		out, err := data.Registry.Append(context.Background(), name(i), w)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	fsys := crashfs.New()
	data, err := up(fsys, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range many {
		write(data, i, 1)
	}
	for i := range many {
		write(data, i, 3) // acknowledged, not synced
	}
	fsys = fsys.Crash(rand.New(rand.NewPCG(3, 3)))

	rotations := uint64(0)
	for ops := 0; ; ops++ {
		cut := fsys.Clone()
		cut.CrashAfter(ops)
		data, err := up(cut, 2)
		whole := err == nil && !cut.Crashed()
		if whole {
			rotations = data.Log.Stats().Rotations
		}
		if data, err = up(cut.Kill(), 2); err != nil {
			t.Fatalf("killed after %d operations: %v", ops, err)
		}
		for i := range many {
			if out := write(data, i, 1); out.First <= 4 {
				t.Fatalf("killed after %d operations: %s gave out seq %d again", ops, name(i), out.First)
			}
		}
		if whole {
			break
		}
	}
	if rotations == 0 {
		t.Fatal("the log stayed in one file")
	}
}
