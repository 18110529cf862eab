package wal

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

// TestRotate: after Rotate all frames before it can leave the disk, although
// their file is not full, and RemoveFreed takes what was to be recycled.
func TestRotate(t *testing.T) {
	fsys := crashfs.New()
	o := options(fsys, ".")
	o.Manual, o.FileBytes = true, 16<<10
	l, _, _ := reopen(t, o)
	gone := []byte("what is to be gone")
	_, err := add(l, gone, l.WaitSynced)
	check(t, err)
	tail := l.Tail()
	first, err := l.Rotate(t.Context())
	check(t, err)
	if files := l.Files(); first != tail || len(files) != 2 || files[1].First != first || l.Synced() <= first {
		t.Fatalf("rotated at %d to %d, files %+v, synced %d", tail, first, files, l.Synced())
	}
	l.prepareNext()
	if n, err := l.TruncateFront(first, nil); n != 1 || err != nil {
		t.Fatalf("freed %d, %v", n, err)
	}
	if !onDisk(t, fsys, gone) {
		t.Fatal("the freed file that is kept has nothing of its content: the test proves nothing")
	}
	check(t, l.RemoveFreed())
	if names := list(t, fsys); onDisk(t, fsys, gone) || slices.Contains(names, oldName(1)) {
		t.Errorf("left: %v", names)
	}
	check(t, l.RemoveFreed()) // there is none

	kept := []byte("what stays")
	_, err = add(l, kept, l.WaitSynced)
	check(t, err)
	check(t, l.Close())
	if _, err := l.Rotate(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := l.RemoveFreed(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	o.First, o.Start = 2, first
	l, got, _ := reopen(t, o)
	if len(got) != 1 || !bytes.Equal(got[0], kept) {
		t.Errorf("after a restart: %q", got)
	}
	check(t, l.Close())
}

// TestFreedFileThatStays: a freed file that can be neither zeroed nor removed has its old
// content; it is not forgotten, and the next call removes it.
func TestFreedFileThatStays(t *testing.T) {
	for what, drop := range map[string]func(l *Log){
		"recycled":       func(l *Log) { l.prepareNext() },
		"by RemoveFreed": func(l *Log) { _ = l.RemoveFreed() },
	} {
		t.Run(what, func(t *testing.T) {
			inner, broken := crashfs.New(), false
			inj := &errfs.Injector{Ops: errfs.Write | errfs.Remove, Nth: 1, Sticky: true, Only: func(name string) bool {
				return broken && (name == FileName(1) || name == oldName(1)) // the handle has the first name
			}}
			o := options(errfs.New(inner, inj), ".")
			o.Manual, o.FileBytes = true, 16<<10
			l, _, _ := reopen(t, o)
			gone := []byte("what is to be gone")
			_, err := add(l, gone, l.WaitSynced)
			check(t, err)
			first, err := l.Rotate(t.Context())
			check(t, err)
			_, err = l.TruncateFront(first, nil)
			check(t, err)
			before := l.Stats().Bytes

			broken = true
			drop(l)
			if !inj.Fired() || !onDisk(t, inner, gone) {
				t.Fatal("nothing failed: the test proves nothing")
			}
			if err := l.RemoveFreed(); !errors.Is(err, errfs.ErrInjected) || !onDisk(t, inner, gone) {
				t.Fatalf("the file is there, and RemoveFreed returned %v", err)
			}
			if s := l.Stats(); s.Bytes < before {
				t.Errorf("%d bytes on disk, before %d", s.Bytes, before)
			}
			l.prepareNext() // another file can be made
			broken = false
			if _, err := l.TruncateFront(first, nil); err != nil || onDisk(t, inner, gone) {
				t.Fatalf("the file is still there: %v", err)
			}
			check(t, l.RemoveFreed())
			_, err = add(l, payloadOf(100), l.WaitSynced)
			check(t, err)
			check(t, l.Close())
		})
	}
}

// onDisk reports whether a file of the log has the bytes.
func onDisk(t *testing.T, fsys vfs.FS, b []byte) bool {
	t.Helper()
	return slices.ContainsFunc(list(t, fsys), func(name string) bool {
		content, err := vfs.ReadFile(fsys, name)
		check(t, err)
		return bytes.Contains(content, b)
	})
}

// TestRotateAnEmptyFile: a file without frames is as good as the next one.
func TestRotateAnEmptyFile(t *testing.T) {
	o := options(crashfs.New(), ".")
	o.Manual, o.FileBytes = true, 16<<10
	l, _, _ := reopen(t, o)
	first, err := l.Rotate(t.Context())
	if files := l.Files(); err != nil || first != 0 || len(files) != 1 || l.Synced() == 0 {
		t.Errorf("at %d, %v, files %+v", first, err, files)
	}
	check(t, l.Close())
}

// TestRotateWaits for what is reserved and does not fit into the next file, and
// until its context ends.
func TestRotateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := held(t, func(o *Options) { o.FileBytes, o.QueueBytes, o.DiskSync = 16<<10, 1<<20, time.Second })
		_, err := add(l, payloadOf(100), l.WaitSynced)
		check(t, err)
		large := reserveNow(t, l, 16<<10-HeaderSize-2*markerSize+8, 0) // fits the next file, beside no marker
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { _, err := l.Rotate(ctx); ended <- err }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("with no room beside what is reserved: %v", err)
		}
		go func() { _, err := l.Rotate(t.Context()); ended <- err }()
		synctest.Wait()
		large.Release()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		check(t, l.Close())
	})
}

// TestRotateOnAFullDisk: without a next file there is nothing to rotate to.
func TestRotateOnAFullDisk(t *testing.T) {
	_, _, l := fullLog(t, 3)
	fillDisk(t, l, 200, 0)
	if _, err := l.Rotate(t.Context()); !errors.Is(err, ErrDiskFull) {
		t.Errorf("%v", err)
	}
	check(t, l.Close())
}
