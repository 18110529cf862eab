package wal

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTailKinds: how the last process ended decides which bytes are damage.
func TestTailKinds(t *testing.T) {
	whole := newSample(t)
	end := func(s *sample) []byte { return s.image[FileName(3)][s.at(42)+sampleFrame:] }
	next := func(s *sample) []byte {
		f := s.frames[42]
		return seal(s.logID, f.span.End, s.syncEnd, f.payload)
	}
	head := func(s *sample, index uint64) []byte {
		return header{logID: s.logID, index: index, first: s.frames[42].span.End, synced: s.syncEnd, size: 16 << 10}.encode()
	}
	const all = sampleFrames
	for _, tt := range []struct {
		name   string
		damage func(s *sample)
		// How many frames are left after the cut, by kind; -1 is damage.
		power, kill, damaged int
	}{
		{"nothing", func(s *sample) {}, all, all, all},
		{"torn header", func(s *sample) { copy(end(s), next(s)[:13]) }, all, all, -1},
		{"header alone", func(s *sample) { copy(end(s), next(s)[:32]) }, all, all, -1},
		{"what a cut leaves of a header", func(s *sample) { copy(end(s)[17:], next(s)[17:32]) }, all, all, -1},
		{"torn payload", func(s *sample) { copy(end(s), next(s)[:500]) }, all, all, -1},
		{"all but the last byte", func(s *sample) { copy(end(s), next(s)[:32+samplePayload-1]) }, all, all, -1},
		{"hole in a torn payload", func(s *sample) { copy(end(s), next(s)[:500]); zero(end(s)[100:200]) }, all, all, -1},
		{"a whole frame with a flipped bit", func(s *sample) { s.flip(42, 100) }, 42, -1, -1},
		{"a flipped bit with a whole frame after it", func(s *sample) { s.flip(41, 100) }, 41, -1, -1},
		{"a whole frame with a longer length", func(s *sample) { s.bytes(42)[1] ^= 0x04 }, 42, -1, -1},
		{"a length that covers the frames after it", func(s *sample) { s.bytes(41)[2] = 1 }, 41, -1, -1},
		{"a length that covers a frame after it", func(s *sample) { s.bytes(41)[1] = 0x0f }, 41, -1, -1},
		{"payload without its header", func(s *sample) { copy(end(s)[32:], next(s)[32:500]) }, all, -1, -1},
		{"header of another position", func(s *sample) { copy(end(s), s.bytes(42)[:500]) }, all, -1, -1},
		{"a byte after the torn frame", func(s *sample) { copy(end(s), next(s)[:500]); end(s)[sampleFrame] = 1 }, all, -1, -1},
		{"a byte far after the end", func(s *sample) { end(s)[2800] = 1 }, all, -1, -1},
		{"a frame that does not fit", func(s *sample) { copy(end(s), next(s)[:500]); end(s)[1] = 0x20 }, all, -1, -1},
		{"torn header of the next file", func(s *sample) { copy(s.image[FileName(4)], head(s, 4)[:50]) }, all, all, -1},
		{"torn magic of the next file", func(s *sample) { copy(s.image[FileName(4)], head(s, 4)[:3]) }, all, all, -1},
		{"header of the next file with a flipped bit", func(s *sample) { copy(s.image[FileName(4)], head(s, 4)); s.image[FileName(4)][45] ^= 1 }, all, -1, -1},
		{"torn frame and header of the next file", func(s *sample) {
			copy(end(s), next(s)[:500])
			copy(s.image[FileName(4)], head(s, 4)[:20])
		}, all, -1, -1},
		{"torn header of the file after the next", func(s *sample) {
			s.image[FileName(5)] = make([]byte, 16<<10)
			copy(s.image[FileName(5)], head(s, 5)[:20])
		}, all, -1, -1},
		{"zeros in the file after the next", func(s *sample) { s.image[FileName(5)] = make([]byte, 5000) }, all, all, all},
		{"garbage at the start of the next file", func(s *sample) { s.image[FileName(4)][7] = 9 }, all, -1, -1},
		{"garbage in the next file", func(s *sample) { s.image[FileName(4)][700] = 9 }, all, -1, -1},
		{"unsynced tail lost", func(s *sample) { zero(s.image[FileName(3)][s.at(40):]) }, 40, 40, 40},
		{"hole in the unsynced tail", func(s *sample) { zero(s.bytes(41)) }, 41, -1, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for kind, want := range map[TailKind]int{TailPower: tt.power, TailKill: tt.kill, TailDamaged: tt.damaged} {
				s := *whole
				s.image = whole.clone()
				tt.damage(&s)
				s.opts.Tail = kind
				got := s.salvage(t)
				fsys := s.mount(t)
				s.opts.FS = fsys
				frames, _, err := runAll(s.opts)
				var corrupt *CorruptionError
				switch {
				case want < 0 && (!errors.As(err, &corrupt) || corrupt.Proof == ""):
					t.Errorf("kind %d: %d frames, %v, want damage", kind, len(frames), err)
				case want < 0 && (len(got.damages) == 0 || !imageOf(t, fsys).equal(s.image)):
					t.Errorf("kind %d: no damage reported, or something changed", kind)
				case want >= 0 && (err != nil || len(frames) != want):
					t.Errorf("kind %d: %d frames, %v, want %d", kind, len(frames), err, want)
				}
				if last := len(got.damages) - 1; kind == TailDamaged && want < 0 && last >= 0 && got.damages[last].Next != 0 &&
					got.damages[last].Next != s.frames[42].span.Start {
					t.Errorf("reported %+v", got.damages)
				}
				if want >= 0 && kind != TailDamaged {
					s.expectCut(t, want)
				}
			}
		})
	}
}

// TestRunAndSalvageAgree: on random logs that were ended and harmed in any way,
// Run refuses exactly what Salvage reports as damage, for every kind of end.
func TestRunAndSalvageAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	refused, accepted := [3]int{}, [3]int{}
	for seed := range uint64(600) {
		life := newSimulation(seed)
		check(t, life.boot())
		for range 5 + life.rng.IntN(40) {
			check(t, life.step())
		}
		rng := rand.New(rand.NewPCG(seed, 17))
		fsys := life.fs.Kill()
		if rng.IntN(2) == 0 {
			fsys = fsys.Crash(rng)
		}
		s := &sample{image: imageOf(t, fsys), opts: life.opts}
		for range rng.IntN(3) {
			if rng.IntN(2) == 0 {
				s.hit(rng)
			} else {
				s.tear(rng)
			}
		}
		for kind := range TailKind(3) {
			o := s.opts
			o.Tail, o.FS = kind, s.mount(t)
			var version *VersionError
			if _, err := Inspect(o); errors.As(err, &version) {
				continue
			}
			frames, end, err := runAll(o)
			if err == nil {
				accepted[kind]++
				if err := salvagesSame(o, frames, end); err != nil {
					t.Errorf("seed %d, kind %d: %v", seed, kind, err)
				}
				continue
			}
			refused[kind]++
			found, salvageErr := salvageAll(o)
			var corrupt *CorruptionError
			if salvageErr == nil && len(found.damages) == 0 || !errors.As(err, &corrupt) && !errors.As(err, &version) {
				t.Errorf("seed %d, kind %d: no damage reported (%v), and yet: %v", seed, kind, salvageErr, err)
			}
		}
	}
	t.Logf("refused %v, accepted %v", refused, accepted)
	for kind := range TailKind(3) {
		if refused[kind] < 50 || accepted[kind] < 50 {
			t.Errorf("kind %d: refused %d, accepted %d", kind, refused[kind], accepted[kind])
		}
	}
}

// tear zeros everything from some byte near the end on.
func (s *sample) tear(rng *rand.Rand) {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.image))) {
		b := s.image[name]
		if n := lastNonzero(b); n > 0 {
			zero(b[max(0, n-1-rng.IntN(2000)):])
			return
		}
	}
}
