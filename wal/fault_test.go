package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

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
	refused int  // appends that had to be tried again
	settled bool // the log was opened
}

// run ends at the first error that it gets.
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
	w.settled = w.settled || err == nil
	return err
}

// append puts up with a next file that cannot be made: a step of the background
// later it is tried again.
func (w *workload) append(p []byte) error {
	for try := 0; ; try++ {
		room, err := w.log.Reserve(context.Background(), len(p), Patient)
		if try < 2 && (errors.Is(err, ErrNoFile) || errors.Is(err, ErrDiskFull)) {
			w.refused++
			if _, err := w.log.Tick(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		span, err := room.Append(1, nil, p)
		if err != nil {
			return err
		}
		w.frames = append(w.frames, entry{span, 1, p})
		return nil
	}
}

// settle waits for the appended frames, in a different way for every i.
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

// readAll reads frames from the files and from the cache.
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

// TestEveryFailureIsReported fails one operation after the other. A failure that
// concerns appended frames must be reported and make the log read-only; reads still
// work then. Any other leaves the log as it is. Nothing is acknowledged that is not
// there after a kill or a power cut, and the log is whole when opened again.
func TestEveryFailureIsReported(t *testing.T) {
	for _, tt := range []struct {
		name          string
		ops           errfs.Op
		sticky, short bool
	}{
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
	for _, errno := range []syscall.Errno{
		syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
		syscall.EACCES, syscall.EROFS, syscall.EINTR, syscall.ESTALE,
	} {
		t.Run(errno.Error(), func(t *testing.T) {
			for nth := 1; failOnce(t, &errfs.Injector{Nth: nth, Err: errno}); nth++ {
			}
		})
	}
}

// failOnce is one run; false means that nothing was left to fail.
func failOnce(t *testing.T, inj *errfs.Injector) bool {
	inner := crashfs.New()
	w := &workload{}
	at := w.watch(inj)
	w.opts = options(errfs.New(inner, inj), ".")
	w.opts.Manual, w.opts.FileBytes, w.opts.CacheBytes = true, 16<<10, 1
	told := 0
	w.opts.Failed = func(err error) {
		told++
		if !errors.Is(err, ErrReadOnly) || !errors.Is(err, errfs.ErrInjected) {
			t.Errorf("failed: %v", err)
		}
	}
	err := w.run()
	if !inj.Fired() {
		if err != nil || w.refused > 0 {
			t.Fatalf("operation %d: nothing failed, and yet: %v", inj.Nth, err)
		}
		return false
	}
	op := inj.Failed().Op
	failed := fmt.Sprintf("operation %d, %v, %v", inj.Nth, inj.Failed(), inj.Err)
	readOnly := at.inUse && op&(errfs.Write|errfs.Sync) != 0
	var notSynced *SyncError
	switch {
	case at.opening:
		if !errors.Is(err, errfs.ErrInjected) {
			t.Fatalf("%s: went unreported: %v", failed, err)
		}
	case op == errfs.Read:
		if !errors.Is(err, errfs.ErrInjected) || errors.Is(err, ErrReadOnly) {
			t.Fatalf("%s: reported as %v", failed, err)
		}
	case readOnly:
		if !errors.Is(err, ErrReadOnly) || !errors.Is(err, errfs.ErrInjected) {
			t.Fatalf("%s: reported as %v", failed, err)
		}
		if w.log != nil { // not while closing
			if told != 1 {
				t.Errorf("%s: Failed was called %d times", failed, told)
			}
			stillFailed(t, failed, w, inj.Sticky)
		}
	case !inj.Sticky:
		if err != nil {
			t.Fatalf("%s: the log did not go on: %v", failed, err)
		}
	}
	if !inj.Sticky && !readOnly && told > 0 {
		t.Errorf("%s: Failed was called for a failed log", failed)
	}
	// A failure of the log is on record, and so is that of a sync while it was opened.
	o := w.opts
	if !readOnly && !inj.Sticky && !errors.As(err, &notSynced) && w.settled {
		o.Tail = TailKill
	}
	o.Failed = nil
	found(t, failed+", kill", w.history, o, inner.Clone())
	if inj.Err != nil && inj.Err != syscall.EIO {
		return true // the disk is as it is, whatever the reason
	}
	w.powerLost()
	o.Tail = TailPower
	reclaimed := inner.Clone()
	reclaimed.Reclaim()
	found(t, failed+", kill, and no memory", w.history, o, reclaimed)
	for seed := range uint64(2) {
		found(t, failed+", power cut", w.history, o, inner.Clone().Crash(rand.New(rand.NewPCG(seed, 3))))
	}
	return true
}

// place is what the file of an operation was to the log when that failed.
type place struct{ opening, inUse bool }

func (w *workload) watch(inj *errfs.Injector) *place {
	at := new(place)
	inj.Only = func(name string) bool {
		if !inj.Fired() {
			*at = place{w.log == nil, w.log != nil && w.log.uses(name)}
		}
		return true
	}
	return at
}

// uses reports whether the file of that name is in use.
func (l *Log) uses(name string) bool {
	return slices.ContainsFunc(*l.files.Load(), func(f *file) bool { return f.name == name })
}

// stillFailed holds a log that has failed to be read-only.
func stillFailed(t *testing.T, failed string, w *workload, readsFail bool) {
	t.Helper()
	if _, err := w.log.Reserve(context.Background(), 8, Freeing|Patient); !errors.Is(err, ErrReadOnly) {
		t.Errorf("%s: admitted: %v", failed, err)
	}
	if _, err := w.log.TryAppend(Freeing, 1, nil, nil); !errors.Is(err, ErrReadOnly) {
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
		t.Errorf("%s: closing returned %v", failed, err)
	}
}

// found recovers the log on a file system that works, and checks its frames.
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
	for nth := 1; nth < 21; nth++ {
		inner := crashfs.New()
		var open atomic.Pointer[Log]
		inj := &errfs.Injector{Nth: nth, Ops: errfs.Sync, Only: func(name string) bool {
			l := open.Load()
			return l != nil && l.uses(name)
		}}
		o := options(errfs.New(inner, inj), ".")
		l, _, _ := reopen(t, o)
		open.Store(l)
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
							t.Errorf("sync %d: got %v", nth, err)
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
			t.Errorf("sync %d: closing returned %v", nth, err)
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

// TestFilesAreTriedAgain: a file that cannot be made, for whatever reason, is
// tried again in the background. Until there is one, appends that need it are
// refused, and everything else works.
func TestFilesAreTriedAgain(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.EIO, syscall.EACCES} {
		for _, op := range []errfs.Op{errfs.Create, errfs.Write, errfs.Sync, errfs.SyncDir} {
			synctest.Test(t, func(t *testing.T) {
				fsys := crashfs.New()
				var broken atomic.Bool
				broken.Store(true)
				inj := &errfs.Injector{Nth: 1, Sticky: true, Err: errno, Ops: op, Only: func(name string) bool {
					if name == "." { // synced for the second file
						_, err := fsys.OpenRead(FileName(2))
						return broken.Load() && err == nil
					}
					return broken.Load() && name == FileName(2)
				}}
				o := options(errfs.New(fsys, inj), ".")
				o.FileBytes = fullFile
				o.Failed = func(err error) { t.Errorf("failed: %v", err) }
				l, err := recovered(o)
				check(t, err)
				synctest.Wait() // the preparer has tried
				since := time.Now()

				n := 0
				for err = nil; err == nil; n++ {
					_, err = l.TryAppend(0, 1, nil, payloadOf(200))
				}
				if !errors.Is(err, ErrNoFile) || !errors.Is(err, errno) {
					t.Errorf("append returned %v", err)
				}
				if _, err := l.Reserve(t.Context(), 200, Patient); !errors.Is(err, ErrNoFile) {
					t.Errorf("reserve returned %v", err)
				}
				span, err := l.TryAppend(Freeing, 1, nil, payloadOf(200))
				check(t, err)
				check(t, l.WaitSynced(span.End))
				time.Sleep(10 * spaceRetry) // on the bubble's clock
				s := l.Stats()
				if s.ReadOnly || s.Full || !errors.Is(s.PrepareErr, errno) || !s.PrepareErrSince.Equal(since) {
					t.Errorf("stats say %+v", s)
				}

				broken.Store(false)
				time.Sleep(2 * spaceRetry)
				synctest.Wait()
				if s := l.Stats(); s.PrepareErr != nil || !s.PrepareErrSince.IsZero() {
					t.Errorf("stats say %+v", s)
				}
				for range 2 * n {
					_, err := add(l, payloadOf(200), l.WaitWritten)
					check(t, err)
				}
				check(t, l.Close())
				l, got, _ := reopen(t, o)
				if len(got) != 3*n {
					t.Errorf("%d frames, want %d", len(got), 3*n)
				}
				check(t, l.Close())
			})
		}
	}
}

// TestFailedIsCalledOnce: the owner of a log gets its failure at once, not by the
// next write, and not one that Close returns.
func TestFailedIsCalledOnce(t *testing.T) {
	for _, closing := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			inj := &errfs.Injector{Ops: errfs.Sync, Sticky: true, Only: func(name string) bool { return name == FileName(1) }}
			o := options(errfs.New(crashfs.New(), inj), ".")
			failures := make(chan error, 9)
			var l *Log
			o.Failed = func(err error) {
				l.Stats() // no lock is held
				failures <- err
			}
			l, err := recovered(o)
			check(t, err)
			inj.Nth = inj.Count() + 1
			span, err := l.TryAppend(0, 1, nil, []byte("x"))
			check(t, err)
			if !closing {
				synctest.Wait()
				time.Sleep(2 * o.DiskSync) // the background syncs it
				synctest.Wait()
				if err := <-failures; !errors.Is(err, ErrReadOnly) || !errors.Is(err, errfs.ErrInjected) {
					t.Errorf("failed: %v", err)
				}
				if err := l.WaitSynced(span.End); !errors.Is(err, ErrReadOnly) {
					t.Errorf("waiting returned %v", err)
				}
			}
			if err := l.Close(); !errors.Is(err, errfs.ErrInjected) {
				t.Errorf("closing returned %v", err)
			}
			synctest.Wait()
			if len(failures) > 0 {
				t.Errorf("and again: %v", <-failures)
			}
		})
	}
}
