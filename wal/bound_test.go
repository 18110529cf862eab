package wal

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Beyond its bound the log takes only what gives space back, and goes on when
// the bound moves.
func TestBound(t *testing.T) {
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
		if _, err := l.Append(1, make([]byte, 100), nil, false); err != nil {
			t.Fatal(err)
		}
		l.Bound(l.Tail())
		if _, err := l.Append(1, nil, nil, false); !errors.Is(err, ErrBusy) {
			t.Errorf("an append at the bound: %v", err)
		}
		if waited, err := l.Admit(ctx, 10, false, false); !errors.Is(err, ErrQueueFull) || waited < time.Second {
			t.Errorf("waited %v: %v", waited, err)
		}
		if _, err := l.Append(1, nil, nil, true); err != nil {
			t.Errorf("an append that frees: %v", err)
		}
		admitted := make(chan error)
		go func() {
			_, err := l.Admit(ctx, 10, false, true)
			admitted <- err
		}()
		synctest.Wait() // it waits
		l.Bound(l.Tail() + 1)
		if err := <-admitted; err != nil {
			t.Errorf("after the bound moved: %v", err)
		}
		// One frame may end beyond it, however big.
		if _, err := l.Append(1, make([]byte, 10_000), nil, false); err != nil {
			t.Error(err)
		}
		if _, err := l.Append(1, nil, nil, false); !errors.Is(err, ErrBusy) {
			t.Errorf("beyond the bound: %v", err)
		}
		l.Bound(0)
		if _, err := l.Append(1, nil, nil, false); err != nil {
			t.Error(err)
		}
	})
}
