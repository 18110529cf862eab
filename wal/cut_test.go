package wal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// TestCutStaysCutAfterAFailedSync cuts a torn tail while the sync of the cut
// fails: the kernel shows zeros that are not on the disk. Recovered again, the
// log is appended to, and the power is cut. What was cut must not be read as if it
// followed what was appended since.
func TestCutStaysCutAfterAFailedSync(t *testing.T) {
	const seeds = 200
	failed := 0
	for seed := range uint64(seeds) {
		for nth := 1; nth <= 4; nth++ {
			fsys := crashfs.New()
			o := options(fsys, ".")
			o.Manual, o.FileBytes = true, 8<<10
			l, _, _ := reopen(t, o)
			// From here on frames are sectors.
			first := fill(t, l, 0, 512-HeaderSize-frame.HeaderSize)
			check(t, l.WaitSynced(first.End))
			for i := range byte(8) {
				fill(t, l, 1+i, 512-frame.HeaderSize)
			}
			check(t, l.WaitWritten(l.mu.tail))

			rng := rand.New(rand.NewPCG(seed, 1))
			fsys = fsys.Crash(rng)
			fsys.FailSync("*.wal", nth)
			o.FS = fsys
			_, err := recovered(o)
			if err != nil && !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			if err == nil {
				break // no sync left to fail
			}
			failed++
			fsys = fsys.Kill()
			o.FS = fsys
			l, got, _ := reopen(t, o)
			fill(t, l, byte(100+len(got)), 512-frame.HeaderSize)
			check(t, l.WaitSynced(l.mu.tail))
			n := len(got) + 1
			o.FS = fsys.Crash(rng)
			if _, got, _ := reopen(t, o); len(got) != n {
				t.Fatalf("seed %d, sync %d failed: %d frames, want %d; frame %d begins with %d",
					seed, nth, len(got), n, n, got[n][0])
			}
		}
	}
	if failed < seeds {
		t.Errorf("only %d recoveries failed", failed)
	}
}

// TestCutTells names every whole frame that is cut, and no other.
func TestCutTells(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(s *sample)
		want   []int
	}{
		{"nothing", func(s *sample) {}, nil},
		{"torn last frame", func(s *sample) { zero(s.bytes(42)[500:]) }, nil},
		{"torn frame before whole ones", func(s *sample) { s.flip(40, 500) }, []int{41, 42}},
		{"hole", func(s *sample) { zero(s.bytes(40)); s.flip(42, 100) }, []int{41}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSample(t)
			tt.damage(s)
			var cut []entry
			s.opts.FS = s.mount(t)
			s.opts.Cut = func(f Frame) {
				cut = append(cut, entry{Span{f.LSN, f.End}, f.Type, bytes.Clone(f.Payload)})
			}
			_, err := recovered(s.opts)
			check(t, err)
			if len(cut) != len(tt.want) {
				t.Fatalf("reported %v, want %v", cut, tt.want)
			}
			for i, n := range tt.want {
				if cut[i].span != s.frames[n].span || !bytes.Equal(cut[i].payload, s.frames[n].payload) {
					t.Errorf("reported %v, want %v", cut[i], s.frames[n])
				}
			}
		})
	}
}

// fill appends one frame of that payload size, filled with one byte.
func fill(t *testing.T, l *Log, with byte, size int) Span {
	t.Helper()
	p := make([]byte, size)
	for i := range p {
		p[i] = with
	}
	span, err := add(l, p, func(LSN) error { return nil })
	check(t, err)
	return span
}

// recovered is reopen for when that may fail.
func recovered(o Options) (*Log, error) {
	r, err := Open(o)
	if err != nil {
		return nil, err
	}
	tail, err := r.Run(func(Frame) error { return nil }, func(int64) {})
	if err != nil {
		return nil, err
	}
	return tail.Open()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
