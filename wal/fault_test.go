package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// workload drives a log in one goroutine through everything it does to files,
// and keeps what was acknowledged.
type workload struct {
	opts Options
	log  *Log
	history
}

// run ends at the first error that anybody was told.
func (w *workload) run() error {
	for round := range 3 {
		if err := w.open(); err != nil {
			return fmt.Errorf("open: %w", err)
		}
		for i := range 12 {
			p := payload(round*20 + i)
			if i == 7 {
				p = bytes.Repeat([]byte{7}, int(w.opts.FileBytes)+100) // a file of its own
			}
			if err := w.append(p); err != nil {
				return fmt.Errorf("append: %w", err)
			}
			if err := w.settle(i); err != nil {
				return err
			}
		}
		if round == 1 {
			w.log = nil // killed: the next one recovers a log without a clean end
			continue
		}
		log := w.log
		w.log = nil
		if err := log.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		w.ackSynced(log.mu.tail)
	}
	return nil
}

func (w *workload) open() (err error) {
	r, err := Open(w.opts)
	if err != nil {
		return err
	}
	var got []entry
	tail, err := r.Run(func(f Frame) error {
		got = append(got, entry{Span{f.LSN, f.End}, f.Type, bytes.Clone(f.Payload)})
		return nil
	}, func(int64) {})
	if err != nil {
		return err
	}
	if err := w.check(got, tail.End); err != nil {
		return err
	}
	w.keep(len(got))
	w.log, err = tail.Open()
	return err
}

func (w *workload) append(p []byte) error {
	if _, err := w.log.Admit(context.Background(), len(p), false, true); err != nil {
		return err
	}
	span, err := w.log.Append(1, nil, p, false)
	if err != nil {
		return err
	}
	w.frames = append(w.frames, entry{span, 1, p})
	return nil
}

// settle waits for what was appended, in a different way for every i.
func (w *workload) settle(i int) error {
	upto := w.log.mu.tail
	switch i % 5 {
	case 0:
		if err := w.log.WaitSynced(upto); err != nil {
			return fmt.Errorf("wait synced: %w", err)
		}
		w.ackSynced(upto)
	case 1, 2:
		if err := w.log.WaitWritten(upto); err != nil {
			return fmt.Errorf("wait written: %w", err)
		}
		w.ackWritten(upto)
	case 3:
		for range 2 {
			if _, err := w.log.Tick(); err != nil {
				return fmt.Errorf("tick: %w", err)
			}
		}
	}
	return w.readAll()
}

// readAll reads what is not in the cache any more, and what is.
func (w *workload) readAll() error {
	r := w.log.NewReader()
	for i, e := range w.frames {
		_, p, err := r.Frame(e.span.Start)
		if err != nil {
			return fmt.Errorf("read frame %d: %w", i, err)
		}
		if !bytes.Equal(p, e.payload) {
			return fmt.Errorf("frame %d is %.20q", i, p)
		}
	}
	return nil
}

// TestEveryFailureIsReported fails one operation after the other. Each run
// must tell somebody, stay failed, go on reading, acknowledge nothing that is
// not there after a kill or a power cut, and be whole when opened again.
func TestEveryFailureIsReported(t *testing.T) {
	for _, tt := range []struct {
		name          string
		ops           errfs.Op
		sticky, short bool
	}{
		{name: "every operation"},
		{name: "all from one on", sticky: true},
		{name: "reads", ops: errfs.Read},
		{name: "short writes", ops: errfs.Write, short: true},
		{name: "short writes from one on", ops: errfs.Write, short: true, sticky: true},
		{name: "syncs from one on", ops: errfs.Sync, sticky: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for nth := 1; failOnce(t, &errfs.Injector{Nth: nth, Ops: tt.ops, Sticky: tt.sticky, Short: tt.short}); nth++ {
			}
		})
	}
}

// failOnce is one run; false means that nothing was left to fail.
func failOnce(t *testing.T, inj *errfs.Injector) bool {
	inner := crashfs.New()
	w := &workload{opts: options(errfs.New(inner, inj), ".")}
	w.opts.Manual, w.opts.FileBytes, w.opts.CacheBytes = true, 16<<10, 1
	err := w.run()
	if !inj.Fired() {
		if err != nil {
			t.Fatalf("operation %d: nothing failed, and yet: %v", inj.Nth, err)
		}
		return false
	}
	failed := fmt.Sprintf("operation %d, %v", inj.Nth, inj.Failed())
	if !errors.Is(err, errfs.ErrInjected) {
		t.Fatalf("%s: went unreported: %v", failed, err)
	}
	if w.log != nil && inj.Failed().Op != errfs.Read {
		if !errors.Is(err, ErrReadOnly) || !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: reported as %v", failed, err)
		}
		stillFailed(t, failed, w, inj.Sticky)
	}
	found(t, failed+", kill", w.history, w.opts, inner.Clone())
	w.powerLost()
	for seed := range uint64(3) {
		found(t, failed+", power cut", w.history, w.opts, inner.Clone().Crash(rand.New(rand.NewPCG(seed, 3))))
	}
	return true
}

// stillFailed holds a log that has failed to be read-only.
func stillFailed(t *testing.T, failed string, w *workload, readsFail bool) {
	t.Helper()
	if _, err := w.log.Admit(context.Background(), 8, true, true); !errors.Is(err, ErrReadOnly) {
		t.Errorf("%s: admitted: %v", failed, err)
	}
	if _, err := w.log.Append(1, nil, nil, true); !errors.Is(err, ErrReadOnly) {
		t.Errorf("%s: appended: %v", failed, err)
	}
	if s := w.log.Stats(); !s.ReadOnly || !errors.Is(s.Err, errfs.ErrInjected) {
		t.Errorf("%s: stats say %+v", failed, s)
	}
	if tail := w.log.mu.tail; w.log.mu.sync.done < tail && w.log.WaitSynced(tail) == nil {
		t.Errorf("%s: acknowledged as synced", failed)
	}
	if err := w.readAll(); err != nil && !readsFail {
		t.Errorf("%s: reading on: %v", failed, err)
	}
	if err := w.log.Close(); !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("%s: closing says %v", failed, err)
	}
}

// found recovers the log on a file system that works, and checks what is there.
func found(t *testing.T, failed string, h history, o Options, fsys vfs.FS) {
	t.Helper()
	o.FS = fsys
	w := &workload{opts: o, history: h}
	if err := w.open(); err != nil {
		t.Errorf("%s: recovery: %v", failed, err)
		return
	}
	if err := w.append([]byte("goes on")); err != nil {
		t.Errorf("%s: %v", failed, err)
	}
	if err := w.log.Close(); err != nil {
		t.Errorf("%s: %v", failed, err)
	}
}

// TestEveryWaiterOfAFailedSyncIsTold fails the nth sync below many writers.
func TestEveryWaiterOfAFailedSyncIsTold(t *testing.T) {
	for nth := 4; nth < 24; nth++ {
		inner := crashfs.New()
		inj := &errfs.Injector{Nth: nth, Ops: errfs.Sync}
		o := options(errfs.New(inner, inj), ".")
		l, _, _ := reopen(t, o)
		var mu sync.Mutex
		acked := map[LSN][]byte{}
		var wg sync.WaitGroup
		for writer := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					p := payload(writer*1000 + i)
					span, err := add(l, p, l.WaitSynced)
					if err != nil {
						if !errors.Is(err, ErrReadOnly) || !errors.Is(err, errfs.ErrInjected) {
							t.Errorf("sync %d: told %v", nth, err)
						}
						return
					}
					mu.Lock()
					acked[span.Start] = p
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if err := l.Close(); !errors.Is(err, errfs.ErrInjected) {
			t.Errorf("sync %d: closing says %v", nth, err)
		}
		o.FS = inner.Crash(rand.New(rand.NewPCG(uint64(nth), 5)))
		r, err := Open(o)
		check(t, err)
		tail, err := r.Run(func(f Frame) error {
			if p, ok := acked[f.LSN]; ok && bytes.Equal(p, f.Payload) {
				delete(acked, f.LSN)
			}
			return nil
		}, func(int64) {})
		check(t, err)
		if l, err = tail.Open(); err != nil {
			t.Fatal(err)
		}
		check(t, l.Close())
		if len(acked) > 0 {
			t.Errorf("sync %d: %d acknowledged frames are gone", nth, len(acked))
		}
	}
}

// TestBackgroundFailureIsKept lets a failure hit nobody: the next one to come
// is told.
func TestBackgroundFailureIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inj := &errfs.Injector{Nth: 1, Ops: errfs.Create, Only: func(name string) bool { return name == fileName(2) }}
		l, _, _ := reopen(t, options(errfs.New(crashfs.New(), inj), "."))
		synctest.Wait() // the preparer has been told
		if s := l.Stats(); !s.ReadOnly || !errors.Is(s.Err, errfs.ErrInjected) {
			t.Errorf("stats say %+v", s)
		}
		if _, err := add(l, []byte("x"), l.WaitSynced); !errors.Is(err, ErrReadOnly) {
			t.Errorf("append says %v", err)
		}
		if err := l.Close(); !errors.Is(err, errfs.ErrInjected) {
			t.Errorf("closing says %v", err)
		}
	})
}
