package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// writer appends numbered frames until stop is closed, waits in a
// different way for each, and keeps what it was promised.
type writer struct {
	id              int
	appended        int // frames 0 to appended-1
	written, synced int // the highest one promised, plus one
	end             error
}

func (w *writer) payload(i int) []byte {
	return fmt.Appendf(nil, "%d/%d/%s", w.id, i, bytes.Repeat([]byte{'x'}, (w.id*31+i*17)%2500))
}

func (w *writer) run(l *Log, stop <-chan struct{}) {
	rng := rand.New(rand.NewPCG(uint64(w.id), 11))
	for {
		select {
		case <-stop:
			return
		default:
		}
		p := w.payload(w.appended)
		var room Reservation
		if room, w.end = l.Reserve(context.Background(), len(p), Patient); w.end != nil {
			return
		}
		span, err := room.Append(byte(1+w.id), p[:3], p[3:])
		if w.end = err; err != nil {
			return
		}
		w.appended++
		switch rng.IntN(4) {
		case 0:
			if w.end = l.WaitSynced(span.End); w.end != nil {
				return
			}
			w.synced, w.written = w.appended, w.appended
		case 1:
			if w.end = l.WaitWritten(span.End); w.end != nil {
				return
			}
			w.written = w.appended
		case 2:
			l.WriteSoon()
		}
	}
}

// verify replays the log and holds each writer's frames to what it was
// promised: in order, without a gap, and at least so many.
func verify(t *testing.T, o Options, writers []*writer, promised func(*writer) int) {
	t.Helper()
	next := make([]int, len(writers))
	r, err := Open(o)
	check(t, err)
	tail, err := r.Run(func(f Frame) error {
		w := writers[f.Type-1]
		if want := w.payload(next[w.id]); !bytes.Equal(f.Payload, want) {
			return fmt.Errorf("writer %d: frame %d is %.20q", w.id, next[w.id], f.Payload)
		}
		next[w.id]++
		return nil
	}, func(int64) {})
	check(t, err)
	l, err := tail.Open()
	check(t, err)
	check(t, l.Close())
	for _, w := range writers {
		if next[w.id] < promised(w) || next[w.id] > w.appended {
			t.Errorf("writer %d: %d frames found, %d promised, %d appended", w.id, next[w.id], promised(w), w.appended)
		}
	}
}

// uses checks the calls of InUse.
type uses struct {
	mu     sync.Mutex
	newest uint64
	synced LSN
	bad    []string
}

func (u *uses) inUse(newest uint64, synced LSN) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if newest <= u.newest || synced <= u.synced {
		u.bad = append(u.bad, fmt.Sprintf("%d, %d after %d, %d", newest, synced, u.newest, u.synced))
	}
	u.newest, u.synced = newest, synced
}

// start runs many writers on a log, with a reader beside them, until enough
// files have been used.
func start(l *Log, n int) (writers []*writer, wg *sync.WaitGroup, stop chan struct{}) {
	wg, stop = &sync.WaitGroup{}, make(chan struct{})
	for id := range n {
		w := &writer{id: id}
		writers = append(writers, w)
		wg.Go(func() { w.run(l, stop) })
	}
	for l.Stats().Rotations < 6 {
		l.Tick() // harmless beside the background's; it also waits
	}
	return writers, wg, stop
}

// TestRotationUnderLoad mixes the waits over many rotations, on a real disk
// and in memory.
func TestRotationUnderLoad(t *testing.T) {
	for name, o := range map[string]Options{"os": options(vfs.OS(), t.TempDir()), "memory": options(crashfs.New(), ".")} {
		t.Run(name, func(t *testing.T) {
			var u uses
			o.InUse, o.QueueBytes, o.CacheBytes = u.inUse, 32<<10, 1
			l, _, _ := reopen(t, o)
			writers, wg, stop := start(l, 8)
			close(stop)
			wg.Wait()
			check(t, l.Close())
			s := l.Stats()
			if s.Written != s.Synced || s.QueueDepth != 0 || s.QueueDepthPeak > o.QueueBytes+markerSize {
				t.Errorf("stats %+v", s)
			}
			if len(u.bad) > 0 || u.newest > l.Newest() || u.newest < 2 || l.Newest() != s.Rotations+1 {
				t.Errorf("in use: %v; newest %d, reported %d, %d rotations", u.bad, l.Newest(), u.newest, s.Rotations)
			}
			o.InUse, o.Newest, o.Synced = nil, l.Newest(), LSN(s.Synced)
			verify(t, o, writers, func(w *writer) int { return w.appended })
		})
	}
}

// TestPowerCutUnderLoad cuts the power below running writers.
func TestPowerCutUnderLoad(t *testing.T) {
	for seed := range uint64(8) {
		fsys := crashfs.New()
		o := options(fsys, ".")
		l, _, _ := reopen(t, o)
		writers, wg, stop := start(l, 8)
		rng := rand.New(rand.NewPCG(seed, 1))
		fsys.CrashAfter(rng.IntN(40))
		wg.Wait()
		close(stop)
		if l.Close() == nil && l.Stats().PrepareErr == nil {
			t.Error("closed in good order without power")
		}
		for _, w := range writers {
			if !errors.Is(w.end, ErrReadOnly) && !errors.Is(w.end, ErrNoFile) || !errors.Is(w.end, crashfs.ErrCrashed) {
				t.Errorf("writer %d got %v", w.id, w.end)
			}
		}
		o.FS = fsys.Clone()
		verify(t, o, writers, func(w *writer) int { return w.written })
		o.FS = fsys.Crash(rng)
		verify(t, o, writers, func(w *writer) int { return w.synced })
	}
}

// TestCloseUnderLoad closes the log below running writers: each is answered,
// and what was appended is durable whether or not a writer waited for it.
func TestCloseUnderLoad(t *testing.T) {
	for seed := range uint64(8) {
		fsys := crashfs.New()
		o := options(fsys, ".")
		l, _, _ := reopen(t, o)
		writers, wg, _ := start(l, 8)
		check(t, l.Close())
		wg.Wait()
		for _, w := range writers {
			if !errors.Is(w.end, ErrClosed) {
				t.Errorf("writer %d got %v", w.id, w.end)
			}
		}
		if _, err := l.TryAppend(Freeing, 1, nil, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("append after close: %v", err)
		}
		if room, err := l.Reserve(context.Background(), 1, Freeing|Patient); !errors.Is(err, ErrClosed) || room.Waited > time.Second {
			t.Errorf("reserve after close: %v", err)
		}
		check(t, l.WaitSynced(l.mu.tail))
		check(t, l.Close())
		o.FS = fsys.Crash(rand.New(rand.NewPCG(seed, 1)))
		verify(t, o, writers, func(w *writer) int { return w.appended })
	}
}
