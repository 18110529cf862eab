package store

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// An archive that fails is tried again after a while, as often as it takes, and
// reports since when it has failed.
func TestArchiveIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		away.Store(true)
		inj := &errfs.Injector{Nth: 1, Sticky: true, Only: func(name string) bool { return away.Load() && name == "/archive" }}
		fsys := errfs.New(crashfs.New(), inj)
		if err := fsys.MkdirAll("/wal"); err != nil {
			t.Fatal(err)
		}
		var files []wal.File
		for i := range 3 {
			file := wal.File{Index: uint64(i + 1), Name: wal.FileName(uint64(i + 1)), First: wal.LSN(100 * i), End: wal.LSN(100 * (i + 1))}
			f, err := fsys.Create("/wal/" + file.Name)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Truncate(file.Bytes()); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		began := time.Now()
		a := &archive{
			fsys: fsys, from: "/wal", to: "/archive", finished: func() []wal.File { return files },
			log: zerolog.Nop(), wake: make(chan struct{}, 1), remote: remote{now: time.Now, limit: archiveStepLimit}, buffers: &buffers{most: LeastWorkBytes},
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { a.run(ctx); close(ended) }()
		for n := range 4 {
			synctest.Wait()
			if got := a.failures.Load(); got != uint64(n+1) {
				t.Fatalf("%d failures after %v", got, time.Since(began))
			}
			if since, err := a.remote.outage(); !errors.Is(err, errfs.ErrInjected) || !since.Equal(began) {
				t.Fatalf("%v since %v", err, since)
			}
			if b := a.backlog(); b.Files != 3 || b.Bytes != 3*(wal.HeaderSize+100) || b.oldest.Index != 1 {
				t.Fatalf("%+v", b)
			}
			signal(a.wake) // another file does not hurry it
			away.Store(n < 3)
			time.Sleep(retryAfter)
		}
		synctest.Wait()
		if b := a.backlog(); b.Files != 0 || a.files.Load() != 3 {
			t.Fatalf("%+v, %d files", b, a.files.Load())
		}
		if _, err := a.remote.outage(); err != nil {
			t.Fatal(err)
		}
		cancel()
		<-ended
	})
}
