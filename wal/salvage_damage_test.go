package wal

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSalvageOfRandomDamage: every frame that was synced and not hit is found.
func TestSalvageOfRandomDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	whole := newSample(t)
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 11))
		s := *whole
		s.image = whole.clone()
		first := 0 // frame to be found
		if rng.IntN(2) == 0 {
			s.opts.Synced = s.syncEnd
		}
		if rng.IntN(3) == 0 {
			s.opts.Newest = 3
		}
		if rng.IntN(3) == 0 {
			s.opts.First = 2
			if first = perFile + rng.IntN(perFile); first > perFile || rng.IntN(2) == 0 {
				s.opts.Start = s.frames[first].span.Start
			}
			delete(s.image, FileName(1))
		}
		s.opts.Tail = TailKind(seed % 3)
		misplaced := false // then a frame in its place may follow one that is not
		for range 1 + rng.IntN(6) {
			misplaced = s.hit(rng) || misplaced
		}
		s.opts.FS = s.mount(t)
		var version *VersionError
		if _, err := Inspect(s.opts); errors.As(err, &version) {
			continue // no header is whole, and one seems to be of another version
		}
		got := s.numbers(s.salvage(t))
		for i, e := range s.frames[:syncedFrames] {
			b := s.image[s.file(i)]
			if i < first && slices.Contains(got, i) {
				t.Errorf("seed %d: found: frame %d, %v, which is not wanted", seed, i, e)
			}
			if i < first || len(b) < int(s.at(i))+sampleFrame || misplaced || s.opts.Synced == 0 || slices.Contains(got, i) {
				continue
			}
			if bytes.Equal(s.bytes(i), whole.bytes(i)) {
				t.Errorf("seed %d: not found: frame %d, %v", seed, i, e)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// hit damages the sample somewhere, and reports whether it exchanged files.
func (s *sample) hit(rng *rand.Rand) (misplaced bool) {
	names := slices.Sorted(maps.Keys(s.image))
	if len(names) < 2 {
		return false
	}
	name := names[rng.IntN(len(names))]
	b := s.image[name]
	if len(b) == 0 {
		return false
	}
	from := rng.IntN(len(b))
	if rng.IntN(4) == 0 {
		from = rng.IntN(min(len(b), HeaderSize))
	}
	part := b[from:min(len(b), from+1+rng.IntN(3000))]
	switch p := rng.IntN(20); {
	case p < 8:
		b[from] ^= 1 << rng.IntN(8)
	case p < 12:
		zero(part)
	case p < 14:
		noise(part)
	case p < 16: // a stale copy of other bytes
		o := s.image[names[rng.IntN(len(names))]]
		copy(part, o[min(len(o), from&^7):])
	case p < 17:
		s.image[name] = b[:from]
	case p < 18:
		delete(s.image, name)
	case p < 19:
		zero(b[:HeaderSize])
	default:
		other := names[rng.IntN(len(names))]
		s.image[name], s.image[other] = s.image[other], b
		return true
	}
	return false
}
