package recovery_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// TestSettlingIsCut cuts the power under many topics, and then kills the
// recovery that settles what they lost at each of its operations, the log's
// move to another file among them. The one that follows, in the same boot,
// must still know of the power cut: no topic gives out a seq again.
func TestSettlingIsCut(t *testing.T) {
	defer goleak.VerifyNone(t)
	const many = 150
	name := func(i int) string { return fmt.Sprint("t", i) }
	now := func() int64 { return 1_000_000 }
	up := func(fsys *crashfs.FS, boot int) (*recovery.Recovered, error) {
		o := options(fsys, boot, now)
		o.WAL.FileBytes = 4 << 10
		if boot == 2 { // with its background, which may sync, and say so, at any moment
			o.WAL.Manual, o.WAL.DiskSync = false, 10*time.Microsecond
		}
		return recovery.Run(context.Background(), o)
	}
	write := func(data *recovery.Recovered, i, n int) topic.Written {
		t.Helper()
		w := &topic.Write{DisableBackpressure: true}
		for range n {
			w.Records = append(w.Records, record.Record{Data: []byte("1")})
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
		killed := cut.Kill()
		whole := err == nil
		if whole {
			rotations = data.Log.Stats().Rotations
			_ = data.Close(context.Background()) // its disk is gone
		}
		if data, err = up(killed, 2); err != nil {
			t.Fatalf("killed after %d operations: %v", ops, err)
		}
		for i := range many {
			if out := write(data, i, 1); out.First <= 4 {
				t.Fatalf("killed after %d operations: %s gave out seq %d again", ops, name(i), out.First)
			}
		}
		if err := data.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if whole {
			break
		}
	}
	if rotations == 0 {
		t.Fatal("the log stayed in one file")
	}
}

// A write that comes after the reserved seqs were given back, because its
// request outlived the drain, reserves anew: its seqs are not given out again.
func TestLateWritesReserveAnew(t *testing.T) {
	ctx := context.Background()
	now := func() int64 { return 1_000_000 }
	ephemeral := "ephemeral"
	write := func(data *recovery.Recovered) topic.Written {
		t.Helper()
		out, err := data.Registry.Append(ctx, "t", &topic.Write{
			Records: []record.Record{{Data: []byte("1")}},
			Config:  &record.ConfigPatch{Durability: &ephemeral},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	fsys := crashfs.New()
	data, err := recovery.Run(ctx, options(fsys, 1, now))
	if err != nil {
		t.Fatal(err)
	}
	write(data)
	if err := data.Registry.Close(ctx); err != nil {
		t.Fatal(err)
	}
	late := write(data)
	if _, err := data.Log.Tick(); err != nil { // what was given back is durable
		t.Fatal(err)
	}
	fsys = fsys.Crash(rand.New(rand.NewPCG(1, 1)))
	if data, err = recovery.Run(ctx, options(fsys, 2, now)); err != nil {
		t.Fatal(err)
	}
	if again := write(data); again.First <= late.Last {
		t.Fatalf("seq %d was given out again, after %d", again.First, late.Last)
	}
}
