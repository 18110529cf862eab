package wal

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Beyond its limit the log takes only frames that free space. Writers continue when the limit
// moves.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := crashfs.New()
		if err := fsys.MkdirAll("/log"); err != nil {
			t.Fatal(err)
		}
		replay, err := Open(Options{
			FS: fsys, Dir: "/log", LogID: 7, FileBytes: 64 << 10, QueueBytes: 1 << 20, CacheBytes: 1 << 20,
			DiskSync: time.Millisecond, QueueWait: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		tail, err := replay.Run(func(Frame) error { return nil }, func(int64) {})
		if err != nil {
			t.Fatal(err)
		}
		l, err := tail.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ctx := context.Background()
		if _, err := l.TryAppend(0, 1, make([]byte, 100), nil); err != nil {
			t.Fatal(err)
		}
		l.SetLimit(l.Tail())
		if _, err := l.TryAppend(0, 1, nil, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("an append at the limit: %v", err)
		}
		if room, err := l.Reserve(ctx, 10, 0); !errors.Is(err, ErrQueueFull) || room.Waited < time.Second {
			t.Errorf("waited %v: %v", room.Waited, err)
		}
		if _, err := l.TryAppend(Freeing, 1, nil, nil); err != nil {
			t.Errorf("an append that frees: %v", err)
		}
		admitted := make(chan error)
		go func() {
			room, err := l.Reserve(ctx, 10, Patient)
			room.Release()
			admitted <- err
		}()
		synctest.Wait() // it waits
		l.SetLimit(l.Tail() + 1)
		if err := <-admitted; err != nil {
			t.Errorf("after the limit moved: %v", err)
		}
		// One frame may end beyond it, however big.
		if _, err := l.TryAppend(0, 1, make([]byte, 10_000), nil); err != nil {
			t.Error(err)
		}
		if _, err := l.TryAppend(0, 1, nil, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("beyond the limit: %v", err)
		}
		l.SetLimit(0)
		if _, err := l.TryAppend(0, 1, nil, nil); err != nil {
			t.Error(err)
		}
	})
}
