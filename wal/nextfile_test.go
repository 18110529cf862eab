package wal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// TestRecycle follows a freed file until it is in use again.
func TestRecycle(t *testing.T) {
	fsys := crashfs.New()
	o, l, _ := filled(t, fsys, 3)
	l.prepareNext()
	_, err := l.TruncateFront(l.Files()[1].First, nil)
	check(t, err)
	if names := list(t, fsys); !slices.Equal(names, []string{oldName(1), FileName(2), FileName(3), FileName(4)}) {
		t.Errorf("before: %v", names)
	}
	frames := written(t, l, repeat(perFile, samplePayload)...) // uses the next file
	l.prepareNext()
	if names := list(t, fsys); !slices.Equal(names, []string{FileName(2), FileName(3), FileName(4), FileName(5)}) {
		t.Errorf("after: %v", names)
	}
	if b, err := vfs.ReadFile(fsys, FileName(5)); err != nil || len(b) != 16<<10 || lastNonzero(b) > 0 {
		t.Errorf("the new spare is not zeros: %d bytes, %v", len(b), err)
	}
	if s := l.Stats(); s.Recycled != 1 || s.Bytes != 4*16<<10 {
		t.Errorf("stats %+v", s)
	}
	frames = append(frames, written(t, l, repeat(perFile, samplePayload)...)...)
	l.cache = newCache(1)
	readBack(t, l.NewReader(), frames...)
	o.First, o.Start = 2, l.Files()[0].First
	o.FS = fsys.Crash(rand.New(rand.NewPCG(1, 1)))
	if _, got, _ := reopen(t, o); len(got) != 4*perFile {
		t.Errorf("%d frames, want %d", len(got), 4*perFile)
	}
}

// TestTruncateUnusualSizes: a file of another size is not recycled.
func TestTruncateUnusualSizes(t *testing.T) {
	fsys := crashfs.New()
	o := options(fsys, ".")
	o.Manual, o.FileBytes = true, 16<<10
	l, _, _ := reopen(t, o)
	written(t, l, 8, 40<<10, 8, 8) // the second file is a big one
	files := l.Files()
	if len(files) != 3 {
		t.Fatalf("files %v", files)
	}
	_, err := l.TruncateFront(files[0].End, nil)
	check(t, err)
	_, err = l.TruncateFront(files[1].End, nil)
	check(t, err)
	if names := list(t, fsys); slices.Contains(names, oldName(2)) || slices.Contains(names, FileName(2)) {
		t.Errorf("left: %v", names)
	}
	check(t, l.Close())
}

// TestTruncateMakesRoom on a full disk: by its space, by being recycled, and
// for a frame that needs a bigger file.
func TestTruncateMakesRoom(t *testing.T) {
	_, _, l := fullLog(t, 4)
	fillDisk(t, l, 200, 0)
	check(t, l.WaitSynced(l.Tail()))
	for range 3 {
		if n, err := l.TruncateFront(l.Files()[1].First, nil); n != 1 || err != nil {
			t.Fatalf("freed %d, %v", n, err)
		}
		if fillDisk(t, l, 200, 0) < 50 {
			t.Error("nothing fits into the file given back")
		}
		check(t, l.WaitSynced(l.Tail()))
	}
	if s := l.Stats(); s.Recycled != 3 || s.Files != 4 {
		t.Errorf("stats %+v", s)
	}
	if n, err := l.TruncateFront(l.Tail(), nil); n != 3 || err != nil {
		t.Fatalf("freed %d, %v", n, err)
	}
	check(t, try(l, 2*fullFile+fullFile/2, 0)) // needs what was kept to be recycled, too
	check(t, l.Close())
}

// TestTruncateMakesRoomInTheBackground: no writer is refused after files were freed.
func TestTruncateMakesRoomInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, o, l := fullLog(t, 3)
		check(t, l.Close())
		o.Manual = false
		l, _, _ = reopen(t, o)
		for range 3 {
			fillDisk(t, l, 200, 0)
			check(t, l.WaitSynced(l.Tail()))
			n, err := l.TruncateFront(l.Tail(), nil)
			if n != 2 || err != nil {
				t.Errorf("freed %d, %v", n, err)
			}
			check(t, try(l, 200, 0))
			if _, err := add(l, make([]byte, 200), l.WaitSynced); err != nil {
				t.Error(err)
			}
		}
		if s := l.Stats(); s.Full || s.ReadOnly || s.Recycled == 0 {
			t.Errorf("stats %+v", s)
		}
		check(t, l.Close())
	})
}

// TestTruncateWhileReading frees files below readers, which get what was
// written or ErrTruncated, and nothing else.
func TestTruncateWhileReading(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"os": vfs.OS(), "memory": crashfs.New()} {
		t.Run(name, func(t *testing.T) {
			o := options(fsys, ".")
			if name == "os" {
				o.Dir = t.TempDir()
			}
			o.FileBytes, o.CacheBytes = 16<<10, 1
			l, _, _ := reopen(t, o)
			var mu sync.Mutex
			var frames []entry
			var wg sync.WaitGroup
			var freed atomic.Int64
			stop := make(chan struct{})
			for reader := range 4 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(reader), 1))
					for {
						select {
						case <-stop:
							return
						default:
						}
						mu.Lock()
						some := frames[len(frames)-min(len(frames), 60*perFile):]
						mu.Unlock()
						if len(some) == 0 {
							continue
						}
						r := l.NewReader()
						for i := rng.IntN(len(some)); i < len(some); i++ {
							_, p, err := r.Frame(some[i].span.Start)
							switch {
							case errors.Is(err, ErrTruncated) && some[i].span.Start < l.Stats().Oldest:
								freed.Add(1)
							case err != nil || !bytes.Equal(p, some[i].payload):
								t.Errorf("read %v: %v", some[i], err)
								return
							}
						}
					}
				})
			}
			for i := 0; (i < 150*perFile || freed.Load() == 0) && !t.Failed(); i++ {
				p := bytes.Repeat([]byte{byte(i)}, samplePayload)
				span, err := add(l, p, l.WaitWritten)
				check(t, err)
				mu.Lock()
				frames = append(frames, entry{span, 1, p})
				mu.Unlock()
				if i%perFile == 0 {
					check(t, l.WaitSynced(span.End))
					// The newest files are in the cache: those are not read here.
					_, err := l.TruncateFront(span.Start-min(span.Start, 40<<14), nil)
					check(t, err)
				}
			}
			close(stop)
			wg.Wait()
			if s := l.Stats(); s.Recycled == 0 || s.Freed < 20 {
				t.Errorf("stats %+v", s)
			}
			check(t, l.Close())
		})
	}
}

// TestEveryFailureOfTruncateFront fails one operation after the other in the life of
// a log that frees and recycles files. Each failure is reported or harms nothing, and
// no frame is lost.
func TestEveryFailureOfTruncateFront(t *testing.T) {
	harmless, refused := 0, 0
	for nth := 1; ; nth++ {
		inner := crashfs.New()
		inj := &errfs.Injector{Nth: nth}
		w := &workload{opts: options(errfs.New(inner, inj), ".")}
		w.opts.Manual, w.opts.FileBytes, w.opts.CacheBytes = true, 4<<10, 1
		at := w.watch(inj)
		truncateErr, err := w.fillAndFree()
		if !inj.Fired() {
			if err != nil || truncateErr != nil {
				t.Fatalf("nothing failed, and yet: %v, %v", err, truncateErr)
			}
			break
		}
		failed := inj.Failed()
		old := strings.HasSuffix(failed.Name, oldSuffix)
		switch {
		case err != nil && (!errors.Is(err, errfs.ErrInjected) || old && w.log != nil):
			t.Errorf("operation %d, %v: %v", nth, failed, err)
		case truncateErr != nil && !errors.Is(truncateErr, errfs.ErrInjected):
			t.Errorf("operation %d, %v: TruncateFront returned %v", nth, failed, truncateErr)
		case err == nil && truncateErr == nil && (at.opening || at.inUse):
			t.Errorf("operation %d, %v: no error was returned", nth, failed)
		case err == nil && truncateErr == nil:
			harmless++
		case truncateErr != nil:
			refused++
		}
		what := failed.String()
		found(t, what+", kill", w.history, w.opts, inner.Clone())
		w.powerLost()
		for seed := range uint64(3) {
			found(t, what+", power cut", w.history, w.opts, inner.Clone().Crash(rand.New(rand.NewPCG(seed, 3))))
		}
	}
	if harmless == 0 || refused == 0 {
		t.Errorf("%d failures without harm, %d releases refused", harmless, refused)
	}
}

// fillAndFree fills files and frees them, over two lives of a log. truncateErr is the failure
// of a TruncateFront, after which the log still works.
func (w *workload) fillAndFree() (truncateErr, err error) {
	for range 2 {
		w.log = nil
		if err := w.open(); err != nil {
			return truncateErr, err
		}
		for i := range 40 {
			if err := w.append(payload(i % 13)); err != nil {
				return truncateErr, err
			}
			if i%8 != 7 {
				continue
			}
			if err := w.settle(0); err != nil {
				return truncateErr, err
			}
			files := w.log.Files()
			last := files[len(files)-1]
			w.opts.First, w.opts.Start = last.Index, last.First
			w.checkpoint(last.First)
			_, err := w.log.TruncateFront(last.First, func(f File) error {
				_, err := vfs.ReadFile(w.opts.FS, f.Name)
				return err
			})
			if errors.Is(err, ErrReadOnly) {
				return truncateErr, err
			}
			if err != nil {
				truncateErr = err
			}
		}
	}
	if err := w.log.Close(); err != nil {
		return truncateErr, err
	}
	w.ackSynced(w.log.mu.tail)
	return truncateErr, nil
}
