package wal

import (
	"errors"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// tornBy is a log whose process was killed, on a file system that keeps running.
// Each was torn in another way; seed varies where.
var tornBy = map[string]func(t *testing.T, l *Log, fsys *crashfs.FS, seed int){
	"a frame": func(t *testing.T, l *Log, fsys *crashfs.FS, seed int) {
		appendTorn(t, l, fsys, seed, 3000)
	},
	"one of many frames": func(t *testing.T, l *Log, fsys *crashfs.FS, seed int) {
		appendTorn(t, l, fsys, seed, 900, 40, 1500, 0, 700)
	},
	"frames of several files": func(t *testing.T, l *Log, fsys *crashfs.FS, seed int) {
		for range 2 {
			for _, n := range repeat(perFile, samplePayload) {
				_, err := add(l, payloadOf(n), l.WaitWritten)
				check(t, err)
			}
		}
		appendTorn(t, l, fsys, seed, repeat(perFile, samplePayload)...)
	},
	"the header of a file": func(t *testing.T, l *Log, fsys *crashfs.FS, seed int) {
		for l.mu.cur.room(l.mu.tail) >= sampleFrame {
			_, err := add(l, payloadOf(samplePayload), l.WaitWritten)
			check(t, err)
		}
		appendTorn(t, l, fsys, seed, samplePayload)
	},
}

func payloadOf(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i) | 1
	}
	return p
}

// appendTorn appends frames and kills the process while it writes them.
func appendTorn(t *testing.T, l *Log, fsys *crashfs.FS, seed int, sizes ...int) {
	t.Helper()
	l.prepareNext()
	for _, n := range sizes {
		_, err := l.TryAppend(0, 1, nil, payloadOf(n))
		if errors.Is(err, ErrBusy) {
			l.prepareNext()
			_, err = l.TryAppend(0, 1, nil, payloadOf(n))
		}
		check(t, err)
	}
	for range seed % 5 { // another part of the write
		check(t, fsys.SyncDir("."))
	}
	fsys.CrashAfter(seed % 3 % (len(l.mu.queue)))
	if err := l.WaitWritten(l.mu.tail); !errors.Is(err, crashfs.ErrCrashed) {
		t.Fatalf("killed, and yet: %v", err)
	}
}

// TestKilledAgain kills a process while it writes, and the ones after it at
// every operation of the opening: none of them takes what the one before left
// for damage, and all find the same end.
func TestKilledAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	for name, tear := range tornBy {
		t.Run(name, func(t *testing.T) {
			cut := 0
			for seed := range 10 {
				fsys := crashfs.New()
				o := options(fsys, ".")
				o.Manual, o.FileBytes, o.Tail = true, 16<<10, TailKill
				l, _, _ := reopen(t, o)
				_, err := add(l, []byte("first"), l.WaitSynced)
				check(t, err)
				tear(t, l, fsys, seed)
				fsys = fsys.Kill()
				o.FS = fsys.Clone()
				frames, end, err := runAll(o)
				check(t, err)
				for n := 0; killedAt(t, o, fsys.Clone(), n, len(frames), end, 1); n++ {
					cut++
				}
			}
			if cut < 80 {
				t.Errorf("only %d openings were killed", cut)
			}
		})
	}
}

// killedAt opens the log, is killed after n operations, and opens it again, to
// be killed again up to so many times. False means that the opening was through
// before.
func killedAt(t *testing.T, o Options, fsys *crashfs.FS, n, frames int, end LSN, again int) bool {
	t.Helper()
	o.FS = fsys
	fsys.CrashAfter(n)
	got := 0
	r, err := Open(o)
	check(t, err)
	tail, err := r.Run(func(Frame) error { got++; return nil }, func(int64) {})
	if err == nil {
		if got != frames || tail.End != end {
			t.Fatalf("found %d frames up to %d, want %d up to %d", got, tail.End, frames, end)
		}
		_, err = tail.Open()
	}
	if err == nil {
		return false
	}
	if !errors.Is(err, crashfs.ErrCrashed) {
		t.Fatalf("killed after %d operations, before that %d times more: %v", n, again, err)
	}
	fsys = fsys.Kill()
	if again == 0 {
		o.FS = fsys
		l, got, _ := reopen(t, o)
		if len(got) != frames {
			t.Fatalf("%d frames at the end, want %d", len(got), frames)
		}
		_, err := add(l, make([]byte, 500), l.WaitSynced)
		check(t, err)
		check(t, l.Close())
		return true
	}
	for m := 0; killedAt(t, o, fsys.Clone(), m, frames, end, again-1); m++ {
	}
	return true
}

// TestFailedOpeningIsToldApart: a sync that fails is a *SyncError, whichever
// file it is on, and before anything is read.
func TestFailedOpeningIsToldApart(t *testing.T) {
	for nth := 1; ; nth++ {
		s := newSample(t)
		copy(s.image[FileName(3)][s.at(42)+sampleFrame:], seal(s.logID, s.frames[42].span.End, 0, payloadOf(2000))[:1000])
		fsys := s.mount(t)
		fsys.FailSync("*", nth)
		s.opts.FS = fsys
		read := 0
		r, err := Open(s.opts)
		check(t, err)
		tail, err := r.Run(func(Frame) error { read++; return nil }, func(int64) {})
		if err == nil {
			_, err = tail.Open()
		}
		if err == nil {
			if nth < 7 {
				t.Errorf("only %d syncs", nth-1)
			}
			return
		}
		var failed *SyncError
		if !errors.As(err, &failed) || failed.File == "" || failed.Err == nil {
			t.Fatalf("sync %d failed: %v", nth, err)
		}
		if nth <= 4 && (read > 0 || failed.File != FileName(uint64(nth))) {
			t.Errorf("sync %d failed on %s, %d frames were read", nth, failed.File, read)
		}
	}
}

// TestZerosThatAreNotOnTheDisk: a cut whose sync fails leaves zeros in the
// cache alone. The log is appended to after it, and what was cut does not come back as
// damage when the kernel gives up the cache.
func TestZerosThatAreNotOnTheDisk(t *testing.T) {
	for nth := 1; nth <= 9; nth++ {
		s := newSample(t)
		copy(s.image[FileName(3)][s.at(42)+sampleFrame:], seal(s.logID, s.frames[42].span.End, 0, payloadOf(2000))[:1000])
		fsys := s.mount(t)
		fsys.FailSync("*", nth)
		s.opts.FS = fsys
		_, failed := recovered(s.opts)
		for _, size := range []int{-1, 0, 100, 600} {
			next := fsys.Clone()
			o := s.opts
			o.FS = next
			l, got, _ := reopen(t, o)
			want := len(got)
			if size >= 0 {
				_, err := add(l, payloadOf(size), l.WaitSynced)
				check(t, err)
				want++
			}
			next = next.Kill()
			next.Reclaim()
			o.FS, o.Tail = next, TailKill
			if _, got, _ := reopen(t, o); len(got) != want {
				t.Errorf("sync %d failed (%v): %d frames, want %d", nth, failed, len(got), want)
			}
		}
	}
}
