package topics

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/topics/topic"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// gate is a file system whose writes wait while the test holds it.
type gate struct {
	vfs.FS
	held sync.RWMutex
}

type gatedFile struct {
	vfs.File
	gate *gate
}

func (g *gate) Open(name string) (vfs.File, error) {
	f, err := g.FS.Open(name)
	return &gatedFile{f, g}, err
}

func (g *gate) Create(name string) (vfs.File, error) {
	f, err := g.FS.Create(name)
	return &gatedFile{f, g}, err
}

func (f *gatedFile) WriteAt(p []byte, off int64) (int, error) {
	f.gate.held.RLock()
	defer f.gate.held.RUnlock()
	return f.File.WriteAt(p, off)
}

// TestQueueFull holds that the log's queue is bounded, that a write that does
// not block is throttled, and that one that waits ends with its context.
func TestQueueFull(t *testing.T) {
	var disk *gate
	w := newWorld(t, func(w *world) {
		w.wal.Manual, w.wal.QueueBytes, w.wal.QueueWait, w.wal.DiskSync = false, 2048, time.Millisecond, time.Hour
		w.wrap = func(fsys vfs.FS) vfs.FS {
			disk = &gate{FS: fsys}
			return disk
		}
	})
	w.put("a", &record.ConfigPatch{})
	disk.held.Lock()
	var pending []*topic.Pending
	var err error
	for len(pending) < 100 {
		var p *topic.Pending
		if p, err = w.Begin(context.Background(), "a", &topic.Write{Records: records(20)}); err != nil {
			break
		}
		pending = append(pending, p)
	}
	if kindOf(err) != record.KindThrottled || !errors.Is(err, wal.ErrQueueFull) || len(pending) == 0 {
		t.Fatal(len(pending), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Begin(ctx, "a", &topic.Write{Records: records(20), DisableBackpressure: true}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	disk.held.Unlock()
	for _, p := range pending {
		if _, err := p.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	out := w.append("a", &topic.Write{Records: records(20), DisableBackpressure: true})
	if want := uint64(20*len(pending) + 20); out.Last != want || w.state("a").Head != want {
		t.Fatalf("%+v, want %d", out, want)
	}
}
