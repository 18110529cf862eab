package wal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// from opens the sample from a frame on, as after a checkpoint there.
func (s *sample) from(first uint64, start LSN) Options {
	o := s.opts
	o.First, o.Start = first, start
	return o
}

// TestStart replays from every frame on, with the files before it and without.
func TestStart(t *testing.T) {
	s := newSample(t)
	for i := range s.frames {
		for first := uint64(1); first <= uint64(i/perFile+1); first++ {
			m := s.clone()
			for n := uint64(1); n < first; n += 2 {
				delete(m, FileName(n)) // some have been removed, some not
			}
			fsys := m.mount(t)
			o := s.from(first, s.frames[i].span.Start)
			o.FS, o.Newest, o.Synced = fsys, 3, s.syncEnd
			l, got, _ := reopen(t, o)
			if len(got) != sampleFrames-i || !bytes.Equal(got[0], s.frames[i].payload) {
				t.Fatalf("start at frame %d, first file %d: %d frames", i, first, len(got))
			}
			if files := l.Files(); files[0].Index != first || len(files) != int(4-first) {
				t.Errorf("first file %d: files %v", first, files)
			}
			_, err := add(l, []byte("goes on"), l.WaitSynced)
			check(t, err)
			check(t, l.Close())
			names, err := fsys.List(".")
			check(t, err)
			if names[0] != FileName(first) {
				t.Errorf("first file %d: left over %v", first, names)
			}
			if _, got, _ := reopen(t, o); len(got) != sampleFrames-i+1 {
				t.Errorf("start at frame %d: %d frames after it went on", i, len(got))
			}
		}
	}
}

// TestStartReadsNoMore: what stands before Start is neither read nor counted.
func TestStartReadsNoMore(t *testing.T) {
	s := newSample(t)
	for _, i := range []int{0, 1, 14, 15, 29, 30, 42} {
		m := &meter{FS: s.mount(t)}
		o := s.from(1, s.frames[i].span.Start)
		o.FS = m
		r, err := Open(o)
		check(t, err)
		want := int64(16 << 10) // the file that is not in use yet
		for _, to := range []int64{s.end(), s.end(), 16 << 10}[i/perFile:] {
			want += to
		}
		if s.at(i) > HeaderSize {
			want -= s.at(i)
		}
		if r.Files() != 3-i/perFile || r.Size() != want {
			t.Errorf("from frame %d: %d files, %d bytes, want %d", i, r.Files(), r.Size(), want)
		}
		m.bytes.Store(0)
		_, err = r.Run(func(Frame) error { return nil }, func(int64) {})
		check(t, err)
		if n := m.bytes.Load(); n > want+16<<10 { // the tail is looked at again
			t.Errorf("from frame %d: read %d bytes, want about %d", i, n, want)
		}
		r.close()
	}
}

// end is the offset where the frames of a full file of the sample end.
func (s *sample) end() int64 { return s.at(perFile-1) + sampleFrame }

// TestStartAtTheEnd begins where the log ends: nothing is replayed, whatever
// the bytes there are.
func TestStartAtTheEnd(t *testing.T) {
	for _, tail := range []func(b []byte){zero, noise, func(b []byte) { b[9] = 1 }} {
		s := newSample(t)
		end := s.frames[sampleFrames-1].span.End
		tail(s.image[FileName(3)][s.at(sampleFrames-1)+sampleFrame:])
		o := s.from(3, end)
		o.FS = s.mount(t)
		l, got, found := reopen(t, o)
		if len(got) > 0 || found.End != end || l.Tail() != end {
			t.Errorf("%d frames, end %d, want %d", len(got), found.End, end)
		}
		_, err := add(l, []byte("goes on"), l.WaitSynced)
		check(t, err)
		check(t, l.Close())
		if _, got, _ := reopen(t, o); len(got) != 1 {
			t.Errorf("%d frames after it went on", len(got))
		}
	}
}

// TestBadStart: a bad Start is distinguished from a log that ends there. Nothing is
// removed.
func TestBadStart(t *testing.T) {
	whole := newSample(t)
	at := func(i int) LSN { return whole.frames[i].span.Start }
	end := whole.frames[sampleFrames-1].span.End
	for _, tt := range []struct {
		name   string
		first  uint64
		start  LSN
		damage func(s *sample)
		file   uint64
		lsn    LSN
	}{
		{"beyond the end", 1, end + 8, nil, 3, end},
		{"beyond the last file", 3, end + 1<<20, nil, 3, end},
		{"beyond everything", 3, 1<<64 - 8, nil, 3, end},
		{"not aligned", 1, at(20) + 4, nil, 2, at(20) + 4},
		{"inside a frame", 1, at(20) + 96, nil, 2, at(20) + 96},
		{"inside the last frame", 3, end - 8, nil, 3, end - 8},
		{"behind damage", 3, end, func(s *sample) { s.flip(35, 500) }, 3, at(35)},
		{"before the first file", 2, at(3), nil, 2, at(3)},
		{"first file missing", 2, at(20), func(s *sample) { delete(s.image, FileName(2)) }, 2, at(30)},
		{"first file without a header", 2, at(20), func(s *sample) { zero(s.image[FileName(2)][:64]) }, 2, at(20)},
		{"first file without a header, start unknown", 2, 0, func(s *sample) { zero(s.image[FileName(2)][:64]) }, 2, 0},
		{"in a file without a header", 1, at(20), func(s *sample) {
			zero(s.image[FileName(2)][:64])
			zero(s.image[FileName(2)][s.at(21):])
			zero(s.image[FileName(3)])
		}, 1, at(15)},
		{"all files missing", 2, at(20), func(s *sample) { clear(s.image) }, 2, at(20)},
		{"all files missing, only start known", 1, at(20), func(s *sample) { clear(s.image) }, 1, at(20)},
		{"only leftovers", 4, end, func(s *sample) { delete(s.image, FileName(4)) }, 4, end},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *whole
			s.image = whole.clone()
			if tt.damage != nil {
				tt.damage(&s)
			}
			fsys := s.mount(t)
			o := s.from(tt.first, tt.start)
			o.FS = fsys
			_, err := recovered(o)
			var corrupt *CorruptionError
			if !errors.As(err, &corrupt) || corrupt.File != FileName(tt.file) || corrupt.LSN != tt.lsn || corrupt.Proof == "" {
				t.Errorf("got %v, want damage in file %d at lsn %d", err, tt.file, tt.lsn)
			}
			if !imageOf(t, fsys).equal(s.image) {
				t.Error("the refused open changed bytes on disk")
			}
			got, err := salvageAll(o)
			if err != nil || len(got.damages) == 0 || len(got.frames) > 0 && got.frames[0].span.Start < tt.start {
				t.Errorf("salvaged %+v, %v", got, err)
			}
		})
	}
}

// TestStartAtDamage damages the frame where replay begins.
func TestStartAtDamage(t *testing.T) {
	s := newSample(t)
	s.flip(20, 100)
	o := s.from(2, s.frames[20].span.Start)
	o.FS = s.mount(t)
	_, err := recovered(o)
	var corrupt *CorruptionError
	if !errors.As(err, &corrupt) || corrupt.place() != s.bad(20).place() {
		t.Errorf("got %v", err)
	}
	// What stands before is not needed.
	o.Start = s.frames[21].span.Start
	if _, got, _ := reopen(t, o); len(got) != sampleFrames-21 {
		t.Errorf("%d frames", len(got))
	}
}

// TestLeftovers of a Release or a recycling that a crash cut short go when the
// log is opened, and not before it was found sound.
func TestLeftovers(t *testing.T) {
	s := newSample(t)
	s.image[oldName(1)] = s.image[FileName(1)]
	s.image[oldName(77)] = []byte("any")
	s.image["0000000000000001.old.wal"] = []byte("not ours")
	damaged := s.clone()
	damaged[FileName(3)][s.at(33)] ^= 1
	for _, m := range []image{s.image, damaged} {
		fsys := m.mount(t)
		o := s.from(3, s.frames[31].span.Start)
		o.FS = fsys
		l, err := recovered(o)
		names, lerr := fsys.List(".")
		check(t, lerr)
		if err != nil {
			if !imageOf(t, fsys).equal(m) {
				t.Error("removed before all was found sound")
			}
			continue
		}
		if !slices.Equal(names, []string{"0000000000000001.old.wal", FileName(3)}) {
			t.Errorf("left: %v", names)
		}
		check(t, l.Close())
	}
}

// TestBegin makes logs that do not begin at the beginning.
func TestBegin(t *testing.T) {
	const begin = 1 << 20
	for _, first := range []uint64{0, 1, 7} {
		fsys := crashfs.New()
		o := options(fsys, ".")
		o.Manual, o.First, o.Begin = true, first, begin
		l, got, _ := reopen(t, o)
		if f := l.Files(); len(got) > 0 || l.Tail() != begin || len(f) != 1 || f[0] != (File{max(first, 1), FileName(max(first, 1)), begin, begin}) {
			t.Fatalf("begun with %d frames, files %v", len(got), f)
		}
		span, err := add(l, []byte("first"), l.WaitSynced)
		check(t, err)
		if span.Start != begin {
			t.Errorf("begun at %d", span.Start)
		}
		check(t, l.Close())
		fsys = fsys.Crash(rand.New(rand.NewPCG(first, 1)))
		o.FS = fsys
		again := o
		o.Begin, o.Start = 0, begin
		for _, o := range []Options{o, again} { // asked for twice, it is there
			l, got, _ = reopen(t, o)
			if len(got) != 1 || string(got[0]) != "first" {
				t.Errorf("first file %d: found %q", first, got)
			}
			check(t, l.Close())
		}
		o.Begin, o.Start = begin+8, 0
		var corrupt *CorruptionError
		if _, err := recovered(o); !errors.As(err, &corrupt) {
			t.Errorf("begun elsewhere: %v", err)
		}
	}
	// What is known of a log is known of one that begins, too.
	for _, know := range []func(*Options){
		func(o *Options) { o.Synced = begin + 8 },
		func(o *Options) { o.Start = begin + 8 },
		func(o *Options) { o.Newest = 7 },
	} {
		o := options(crashfs.New(), ".")
		o.First, o.Begin = 7, begin
		know(&o)
		var corrupt *CorruptionError
		if _, err := recovered(o); !errors.As(err, &corrupt) || corrupt.File != FileName(7) {
			t.Errorf("%v", err)
		}
	}
}
