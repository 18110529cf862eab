package wal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// salvaged is what Salvage found.
type salvaged struct {
	frames  []entry
	damages []CorruptionError
	end     LSN
}

func salvageAll(o Options) (s salvaged, err error) {
	r, err := Inspect(o)
	if err != nil {
		return s, err
	}
	s.end, err = r.Salvage(func(f Frame) error {
		s.frames = append(s.frames, entry{Span{f.LSN, f.End}, f.Type, bytes.Clone(f.Payload)})
		return nil
	}, func(d *CorruptionError) error {
		s.damages = append(s.damages, *d)
		return nil
	})
	return s, err
}

func sameEntry(a, b entry) bool {
	return a.span == b.span && a.typ == b.typ && bytes.Equal(a.payload, b.payload)
}

// salvagesSame holds Salvage to what Run found in a sound log.
func salvagesSame(o Options, frames []entry, end LSN) error {
	s, err := salvageAll(o)
	switch {
	case err != nil:
		return fmt.Errorf("salvage: %w", err)
	case len(s.damages) > 0 || s.end != end:
		return fmt.Errorf("salvage of a sound log: damage %v, end %d, want %d", s.damages, s.end, end)
	case !slices.EqualFunc(s.frames, frames, sameEntry):
		return fmt.Errorf("salvage of a sound log: %d frames, want %d", len(s.frames), len(frames))
	}
	return nil
}

// runAll is what Run finds, or why it refuses.
func runAll(o Options) (frames []entry, end LSN, err error) {
	r, err := Open(o)
	if err != nil {
		return nil, 0, err
	}
	tail, err := r.Run(func(f Frame) error {
		frames = append(frames, entry{Span{f.LSN, f.End}, f.Type, bytes.Clone(f.Payload)})
		return nil
	}, func(int64) {})
	if err != nil {
		return nil, 0, err
	}
	r.close()
	return frames, tail.End, nil
}

// salvage holds what comes out of the damaged sample to the promises: nothing
// that was not in the log, in order; what Run finds if Run accepts it, and
// damage reported if it does not; nothing changed on disk.
func (s *sample) salvage(t *testing.T) salvaged {
	t.Helper()
	o := s.opts
	fsys := s.mount(t)
	o.FS = fsys
	frames, end, refused := runAll(o)
	got, err := salvageAll(o)
	if err != nil {
		t.Fatalf("salvage: %v; run: %v", err, refused)
	}
	if !imageOf(t, fsys).equal(s.image) {
		t.Error("salvage changed bytes on disk")
	}
	if refused == nil {
		if err := salvagesSame(o, frames, end); err != nil {
			t.Error(err)
		}
	} else if len(got.damages) == 0 {
		t.Errorf("no damage reported, and yet: %v", refused)
	}
	var last LSN
	for _, f := range got.frames {
		i := slices.IndexFunc(s.frames, func(e entry) bool { return e.span.Start == f.span.Start })
		if i < 0 || !sameEntry(f, s.frames[i]) || f.span.Start < last {
			t.Errorf("wrong frame, or out of order: %v", f)
		}
		last = f.span.End
	}
	if last > got.end {
		t.Errorf("ends at %d, and yet a frame ends at %d", got.end, last)
	}
	for _, d := range got.damages {
		goesOn := d.Next == 0 || d.Next == s.marker ||
			slices.ContainsFunc(got.frames, func(e entry) bool { return e.span.Start == d.Next })
		if d.File == "" || d.Cause == "" || d.Next > 0 && d.Next < d.LSN || !goesOn {
			t.Errorf("reported %+v", d)
		}
	}
	return got
}

// numbers are the frames of the sample that were found.
func (s *sample) numbers(got salvaged) (list []int) {
	for i, e := range s.frames {
		if slices.ContainsFunc(got.frames, func(g entry) bool { return g.span.Start == e.span.Start }) {
			list = append(list, i)
		}
	}
	return list
}

// TestSalvageOfDamage salvages every row of the damage table.
func TestSalvageOfDamage(t *testing.T) {
	whole := newSample(t)
	for _, tt := range damages {
		if tt.name == "older generation of a position" {
			continue // by all that can be known it is the frame that was there
		}
		t.Run(tt.name, func(t *testing.T) {
			s := *whole
			s.image = whole.clone()
			tt.damage(&s)
			got := s.salvage(t)
			if tt.corrupt == nil && tt.version == nil && len(got.frames) != tt.cut {
				t.Errorf("%d frames, want %d", len(got.frames), tt.cut)
			}
		})
	}
}

// TestSalvageReports checks where each corruption is reported.
func TestSalvageReports(t *testing.T) {
	whole := newSample(t)
	at := func(i int) LSN { return whole.frames[i].span.Start }
	place := func(i int, next LSN) CorruptionError {
		return CorruptionError{whole.file(i), whole.at(i), at(i), next, "no valid frame", ""}
	}
	header := func(n int, next LSN) CorruptionError {
		return CorruptionError{FileName(uint64(n)), 0, at((n - 1) * perFile), next, "header missing or damaged", ""}
	}
	except := func(missing ...int) (list []int) {
		for i := range sampleFrames {
			if !slices.Contains(missing, i) {
				list = append(list, i)
			}
		}
		return list
	}
	lost := func(from, to int) (list []int) {
		for i := from; i < to; i++ {
			list = append(list, i)
		}
		return list
	}
	for _, tt := range []struct {
		name    string
		damage  func(s *sample)
		frames  []int
		damages []CorruptionError
	}{
		{"flip", func(s *sample) { s.flip(20, 500) }, except(20), []CorruptionError{place(20, at(21))}},
		{"two flips", func(s *sample) { s.flip(3, 500); s.flip(20, 0) }, except(3, 20), []CorruptionError{place(3, at(4)), place(20, at(21))}},
		{"hole of two frames", func(s *sample) { zero(s.bytes(7)); zero(s.bytes(8)) }, except(7, 8), []CorruptionError{place(7, at(9))}},
		{"last frame of a file", func(s *sample) { zero(s.bytes(29)) }, except(29), []CorruptionError{place(29, at(30))}},
		{"first frame of a file", func(s *sample) { zero(s.bytes(15)) }, except(15), []CorruptionError{place(15, at(16))}},
		{"header of the first file", func(s *sample) { zero(s.image[FileName(1)][:64]) }, except(), []CorruptionError{header(1, 0)}},
		{"header of a file", func(s *sample) { zero(s.image[FileName(2)][:64]) }, except(), []CorruptionError{header(2, at(15))}},
		{"headers of two files", func(s *sample) {
			zero(s.image[FileName(2)][:64])
			s.image[FileName(3)][20] ^= 1
		}, except(), []CorruptionError{header(2, at(15)), header(3, at(30))}},
		{"header and first frames", func(s *sample) { zero(s.image[FileName(2)][:2000]) }, except(15, 16), []CorruptionError{header(2, at(17))}},
		{"file missing", func(s *sample) { delete(s.image, FileName(2)) }, except(lost(15, 30)...),
			[]CorruptionError{{FileName(2), 0, at(15), at(30), "file is missing", ""}}},
		{"first file missing", func(s *sample) { delete(s.image, FileName(1)) }, except(lost(0, 15)...),
			[]CorruptionError{{FileName(1), 0, 0, at(15), "file is missing", ""}}},
		{"file cut short", func(s *sample) { s.image[FileName(2)] = s.image[FileName(2)][:s.at(18)+9] }, except(lost(18, 30)...),
			[]CorruptionError{{FileName(2), whole.at(18) + 9, at(18), at(30), "the file is cut short", ""}}},
		{"last file cut in its zeros", func(s *sample) { s.image[FileName(3)] = s.image[FileName(3)][:16<<10-9] }, except(),
			[]CorruptionError{{FileName(3), 16<<10 - 9, whole.frames[42].span.End, 0, "the file is cut short", ""}}},
		{"last synced frames", func(s *sample) { zero(s.image[FileName(3)][s.at(38):]) }, lost(0, 38), []CorruptionError{place(38, 0)}},
		{"unsynced tail", func(s *sample) { s.flip(41, 500) }, lost(0, 41), nil},
		{"all but the last file", func(s *sample) { delete(s.image, FileName(1)); zero(s.image[FileName(2)]) }, lost(30, 43),
			[]CorruptionError{{FileName(1), 0, 0, at(30), "file is missing", ""}, {FileName(2), 0, 0, at(30), "header missing or damaged", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *whole
			s.image = whole.clone()
			s.opts.Synced = s.syncEnd
			tt.damage(&s)
			got := s.salvage(t)
			if n := s.numbers(got); !slices.Equal(n, tt.frames) {
				t.Errorf("found %v, want %v", n, tt.frames)
			}
			if !slices.Equal(got.damages, tt.damages) {
				t.Errorf("reported %+v\nwant %+v", got.damages, tt.damages)
			}
		})
	}
}

// TestSalvageEnds: an error of the caller ends it and is returned.
func TestSalvageEnds(t *testing.T) {
	s := newSample(t)
	s.flip(20, 500)
	enough := errors.New("enough")
	for _, tt := range []struct {
		frames, damages int
		want            LSN
	}{{3, 9, s.frames[3].span.Start}, {99, 0, s.frames[20].span.Start}} {
		s.opts.FS = s.mount(t)
		r, err := Inspect(s.opts)
		check(t, err)
		_, err = r.Salvage(func(f Frame) error {
			if tt.frames--; tt.frames < 0 {
				return enough
			}
			return nil
		}, func(*CorruptionError) error {
			if tt.damages--; tt.damages < 0 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
