package wal

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
	"github.com/e6e95bb8/topics/wal/vfs/errfs"
)

const fullFile = 16 << 10

// fullLog opens a log on a disk with room for that many files.
func fullLog(t *testing.T, files int64) (*crashfs.FS, Options, *Log) {
	t.Helper()
	fsys := crashfs.New()
	fsys.SetCapacity(files * fullFile)
	o := options(fsys, ".")
	o.Manual, o.FileBytes = true, fullFile
	l, _, _ := reopen(t, o)
	return fsys, o, l
}

// try appends one frame, without waiting for anything.
func try(l *Log, size int, mode Mode) error {
	room, err := l.Reserve(context.Background(), size, mode|Patient)
	if err != nil {
		return err
	}
	_, err = room.Append(1, nil, bytes.Repeat([]byte{1}, size))
	return err
}

// fillDisk appends frames until the disk is full and returns how many.
func fillDisk(t *testing.T, l *Log, size int, mode Mode) (n int) {
	t.Helper()
	for ; ; n++ {
		before := l.Stats()
		err := try(l, size, mode)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrDiskFull) {
			t.Fatalf("after %d frames: %v", n, err)
		}
		if _, err := l.TryAppend(mode, 1, nil, make([]byte, size)); !errors.Is(err, ErrDiskFull) {
			t.Errorf("appending returned %v", err)
		}
		if after := l.Stats(); after.Frames != before.Frames || after.ReadOnly || !after.Full {
			t.Errorf("refused, and yet %+v, was %+v", after, before)
		}
		return n
	}
}

func TestDiskFull(t *testing.T) {
	fsys, o, l := fullLog(t, 2)
	n := fillDisk(t, l, 200, 0)
	reserve := int(o.reserve())
	left := int(l.mu.cur.room(l.mu.tail))
	if room := 2*(fullFile-HeaderSize) - n*232; left < reserve || left > reserve+232 || room < left {
		t.Errorf("full with %d bytes left, the reserve is %d", left, reserve)
	}
	// Frames that free space still fit, out of the reserve, and the frames
	// appended before are acknowledged.
	freed := fillDisk(t, l, 8, Freeing)
	if freed != left/40 {
		t.Errorf("%d frames of 40 bytes out of a reserve of %d", freed, left)
	}
	check(t, l.WaitWritten(l.mu.tail))
	check(t, l.WaitSynced(l.mu.tail))
	if _, _, err := l.NewReader().Frame(0); err != nil {
		t.Errorf("reading: %v", err)
	}

	// Opening needs no space, after a kill or a power cut, and finds it all.
	for _, fsys := range []*crashfs.FS{fsys.Clone(), fsys.Clone().Crash(rand.New(rand.NewPCG(1, 1)))} {
		o := o
		o.FS = fsys
		l, got, _ := reopen(t, o)
		if len(got) != n+freed {
			t.Errorf("%d frames, want %d", len(got), n+freed)
		}
		fillDisk(t, l, 200, 0)
		check(t, l.Close())
	}

	// Free space is found at the next step of the background.
	fsys.SetCapacity(3 * fullFile)
	_, err := l.Tick()
	check(t, err)
	if l.Stats().Full {
		t.Error("still full")
	}
	if fillDisk(t, l, 200, 0) == 0 {
		t.Error("nothing fits into the space given back")
	}
	check(t, l.Close())
}

// TestDiskFullInTheBackground frees space while all writers are refused.
func TestDiskFullInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, o, l := fullLog(t, 2)
		check(t, l.Close())
		o.Manual = false
		l, _, _ = reopen(t, o)
		n := fillDisk(t, l, 200, 0)
		check(t, l.WaitSynced(l.mu.tail))
		time.Sleep(10 * spaceRetry) // on the bubble's clock
		synctest.Wait()
		if err := try(l, 200, 0); !errors.Is(err, ErrDiskFull) {
			t.Errorf("%v on a disk that is full for long", err)
		}
		fsys.SetCapacity(0)
		time.Sleep(2 * spaceRetry)
		synctest.Wait()
		if s := l.Stats(); s.Full || s.ReadOnly {
			t.Errorf("after space was given back: %+v", s)
		}
		for range n {
			check(t, try(l, 200, 0))
		}
		check(t, l.Close())
	})
}

// TestBigFrameOnAFullDisk refuses a frame whose file does not fit, at no cost
// to the frames that do.
func TestBigFrameOnAFullDisk(t *testing.T) {
	fsys, o, l := fullLog(t, 4)
	for range 3 {
		if err := try(l, 3*fullFile, 0); !errors.Is(err, ErrDiskFull) {
			t.Fatalf("big frame: %v", err)
		}
		for range perFile {
			check(t, try(l, 900, 0))
		}
	}
	if s := l.Stats(); s.ReadOnly {
		t.Errorf("read-only: %v", s.Err)
	}
	fsys.SetCapacity(0)
	_, err := l.Tick()
	check(t, err)
	check(t, try(l, 3*fullFile, 0))
	check(t, l.Close())
	l, got, _ := reopen(t, o)
	if len(got) != 3*perFile+1 {
		t.Errorf("%d frames", len(got))
	}
	check(t, l.Close())
}

// TestQuotaIsAFullDisk: an exhausted quota is no failure of the disk.
func TestQuotaIsAFullDisk(t *testing.T) {
	inj := &errfs.Injector{Nth: 1, Ops: errfs.Create, Err: syscall.EDQUOT,
		Only: func(name string) bool { return name == FileName(2) }}
	o := options(errfs.New(crashfs.New(), inj), ".")
	o.Manual, o.FileBytes = true, fullFile
	l, _, _ := reopen(t, o)
	fillDisk(t, l, 200, 0)
	_, err := l.Tick()
	check(t, err)
	check(t, try(l, 200, 0))
	check(t, l.Close())
}
