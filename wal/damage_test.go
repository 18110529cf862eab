package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/e6e95bb8/topics/wal/frame"
)

// row is one kind of damage and its expected outcome.
type row struct {
	name   string
	damage func(s *sample)
	// One of them: the damage found, the version found, or how many frames are
	// left after the cut.
	corrupt func(s *sample) *CorruptionError
	version *VersionError
	cut     int
}

func zero(b []byte) { clear(b) }

func noise(b []byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
}

func badFrame(i int) func(*sample) *CorruptionError {
	return func(s *sample) *CorruptionError { return s.bad(i) }
}

func badHeader(n int) func(*sample) *CorruptionError {
	return func(s *sample) *CorruptionError { return s.badHeader(n) }
}

func gone(n uint64, next int) func(*sample) *CorruptionError {
	return func(s *sample) *CorruptionError {
		e := &CorruptionError{File: FileName(n)}
		if next >= 0 {
			e.LSN = s.frames[next].span.Start
		}
		return e
	}
}

func short(n uint64, first int, size int64) func(*sample) *CorruptionError {
	return func(s *sample) *CorruptionError {
		return &CorruptionError{File: FileName(n), Offset: size, LSN: s.frames[first].span.Start + LSN(size-HeaderSize)}
	}
}

var damages = []row{
	{name: "nothing", damage: func(s *sample) {}, cut: 43},

	// Bytes that nothing proves to have been synced: cut.
	{name: "torn last frame", damage: func(s *sample) { zero(s.bytes(42)[500:]) }, cut: 42},
	{name: "torn last frame, its end only", damage: func(s *sample) { zero(s.bytes(42)[:512]) }, cut: 42},
	{name: "torn header of the last frame", damage: func(s *sample) { zero(s.bytes(42)[8:]) }, cut: 42},
	{name: "flip in the unsynced tail", damage: func(s *sample) { s.flip(40, 100) }, cut: 40},
	{name: "hole in the unsynced tail", damage: func(s *sample) { zero(s.bytes(41)) }, cut: 41},
	{name: "unsynced tail lost", damage: func(s *sample) { zero(s.image[FileName(3)][s.at(40):]) }, cut: 40},
	{name: "garbage after the end", damage: func(s *sample) { noise(s.image[FileName(3)][s.at(42)+sampleFrame:]) }, cut: 43},
	{name: "garbage in the spare", damage: func(s *sample) { noise(s.image[FileName(4)]) }, cut: 43},
	{name: "spare cut to nothing", damage: func(s *sample) { s.image[FileName(4)] = nil }, cut: 43},
	{name: "spare missing", damage: func(s *sample) { delete(s.image, FileName(4)) }, cut: 43},
	{name: "stale frame of another position in the tail", damage: func(s *sample) { copy(s.bytes(41), s.bytes(20)) }, cut: 41},
	{name: "stale frame of another log in the tail", damage: func(s *sample) {
		copy(s.bytes(41), seal(99, s.frames[41].span.Start, 1<<40, s.frames[41].payload))
	}, cut: 41},
	{name: "older generation behind the end", damage: func(s *sample) {
		end := s.frames[42].span.End
		copy(s.image[FileName(3)][s.at(42)+2*sampleFrame:], seal(s.logID, end+sampleFrame, s.syncEnd, s.frames[42].payload))
	}, cut: 43},

	// Bytes that had been synced: refused.
	{name: "hole in the middle", damage: func(s *sample) { zero(s.bytes(20)) }, corrupt: badFrame(20)},
	{name: "zeroed page in the middle file", damage: func(s *sample) { zero(s.image[FileName(2)][4096:8192]) }, corrupt: badFrame(15 + 3)},
	{name: "zeroed page in the last file", damage: func(s *sample) { zero(s.image[FileName(3)][4096:8192]) }, corrupt: badFrame(30 + 3)},
	{name: "zeroed first page of the first file", damage: func(s *sample) { zero(s.image[FileName(1)][:4096]) }, corrupt: badHeader(1)},
	{name: "zeroed first page of the middle file", damage: func(s *sample) { zero(s.image[FileName(2)][:4096]) }, corrupt: badHeader(2)},
	{name: "zeroed first page of the last file", damage: func(s *sample) { zero(s.image[FileName(3)][:4096]) }, corrupt: badHeader(3)},
	{name: "flip in the frame before a file's end", damage: func(s *sample) { s.flip(29, 700) }, corrupt: badFrame(29)},
	{name: "flip in the first frame", damage: func(s *sample) { s.flip(0, 700) }, corrupt: badFrame(0)},
	{name: "flip in the last synced frame", damage: func(s *sample) { s.flip(39, 700) }, corrupt: badFrame(39)},
	{name: "last synced frame zeroed", damage: func(s *sample) { zero(s.bytes(39)) }, corrupt: badFrame(39)},
	{name: "frame of another position", damage: func(s *sample) { copy(s.bytes(20), s.bytes(21)) }, corrupt: badFrame(20)},
	{name: "frame of another log", damage: func(s *sample) {
		copy(s.bytes(20), seal(99, s.frames[20].span.Start, 0, s.frames[20].payload))
	}, corrupt: badFrame(20)},
	{name: "older generation of a position", damage: func(s *sample) {
		copy(s.bytes(20), seal(s.logID, s.frames[20].span.Start, 0, make([]byte, 400)))
	}, corrupt: func(s *sample) *CorruptionError {
		e := s.bad(20)
		e.Offset += int64(frame.Size(400))
		e.LSN += LSN(frame.Size(400))
		return e
	}},
	{name: "first file missing", damage: func(s *sample) { delete(s.image, FileName(1)) }, corrupt: gone(1, 15)},
	{name: "middle file missing", damage: func(s *sample) { delete(s.image, FileName(2)) }, corrupt: gone(2, 30)},
	{name: "last file missing", damage: func(s *sample) { delete(s.image, FileName(3)) }, corrupt: gone(3, -1)},
	{name: "first file cut", damage: func(s *sample) { s.image[FileName(1)] = s.image[FileName(1)][:9001] }, corrupt: short(1, 0, 9001)},
	{name: "middle file cut", damage: func(s *sample) { s.image[FileName(2)] = s.image[FileName(2)][:64] }, corrupt: short(2, 15, 64)},
	{name: "last file cut", damage: func(s *sample) { s.image[FileName(3)] = s.image[FileName(3)][:5000] }, corrupt: short(3, 30, 5000)},
	{name: "last file cut in its zeros", damage: func(s *sample) { s.image[FileName(3)] = s.image[FileName(3)][:16<<10-1] }, corrupt: short(3, 30, 16<<10-1)},
	{name: "middle file cut to nothing", damage: func(s *sample) { s.image[FileName(2)] = nil }, corrupt: badHeader(2)},
	{name: "first file cut to nothing, the others' headers lost", damage: func(s *sample) {
		s.image[FileName(1)] = s.image[FileName(1)][:10]
		zero(s.image[FileName(2)][:s.at(16)])
		zero(s.image[FileName(3)])
	}, corrupt: badHeader(1)},
	{name: "first two files swapped", damage: swap(1, 2), corrupt: gone(1, 15)},
	{name: "last two files swapped", damage: swap(2, 3), corrupt: gone(2, 30)},
	{name: "last file and spare swapped", damage: swap(3, 4), corrupt: gone(4, 30)},
	{name: "file of another log", damage: func(s *sample) {
		h := header{logID: 99, index: 2, first: s.frames[15].span.Start}
		copy(s.image[FileName(2)], h.encode())
	}, corrupt: badHeader(2)},
	{name: "header of another place", damage: func(s *sample) {
		h := header{logID: s.logID, index: 2, first: s.frames[14].span.Start + 1<<20}
		copy(s.image[FileName(2)], h.encode())
	}, corrupt: func(s *sample) *CorruptionError {
		return &CorruptionError{File: FileName(2), LSN: s.frames[14].span.Start + 1<<20}
	}},

	{name: "header of a place beyond all bounds", damage: func(s *sample) {
		h := header{logID: s.logID, index: 2, first: 3 << 62}
		copy(s.image[FileName(2)], h.encode())
	}, corrupt: func(s *sample) *CorruptionError {
		return &CorruptionError{File: FileName(2), LSN: 3 << 62}
	}},

	{name: "flip in the version of a header", damage: func(s *sample) { s.image[FileName(2)][8] ^= 4 }, corrupt: badHeader(2)},

	// Formats this program does not know, whole or not: refused.
	{name: "newer first file", damage: newer(1, 2), version: &VersionError{FileName(1), 2, 1}},
	{name: "newer middle file", damage: newer(2, 7), version: &VersionError{FileName(2), 7, 1}},
	{name: "newer last file", damage: newer(3, 2), version: &VersionError{FileName(3), 2, 1}},
	{name: "newer spare", damage: func(s *sample) {
		copy(s.image[FileName(4)], magic[:])
		newer(4, maxVersion)(s)
	}, version: &VersionError{FileName(4), maxVersion, 1}},

	// What no format will have is noise.
	{name: "noise in the version of a header", damage: newer(2, maxVersion+1), corrupt: badHeader(2)},
}

func swap(a, b uint64) func(s *sample) {
	return func(s *sample) {
		s.image[FileName(a)], s.image[FileName(b)] = s.image[FileName(b)], s.image[FileName(a)]
	}
}

func newer(n uint64, version uint32) func(s *sample) {
	return func(s *sample) {
		b := s.image[FileName(n)]
		binary.LittleEndian.PutUint32(b[8:], version)
		b[56]++ // the checksum of this version does not hold for it
	}
}

func TestDamage(t *testing.T) {
	whole := newSample(t)
	for _, tt := range damages {
		t.Run(tt.name, func(t *testing.T) {
			s := *whole
			s.image = whole.clone()
			tt.damage(&s)
			s.expect(t, &tt)
		})
	}
}

// expect opens the damaged log and checks it against the row.
func (s *sample) expect(t *testing.T, want *row) {
	t.Helper()
	if want.corrupt == nil && want.version == nil {
		s.expectCut(t, want.cut)
		return
	}
	o := s.opts
	fsys := s.mount(t)
	o.FS = fsys
	_, err := recovered(o)
	var corrupt *CorruptionError
	var version *VersionError
	switch {
	case want.version != nil:
		if !errors.As(err, &version) || *version != *want.version {
			t.Errorf("got %v, want %v", err, want.version)
		}
	case !errors.As(err, &corrupt):
		t.Errorf("got %v, want damage at %s", err, want.corrupt(s).place())
	case corrupt.place() != want.corrupt(s).place() || corrupt.Cause == "" || corrupt.Proof == "":
		t.Errorf("got %v\nwant it at %s", err, want.corrupt(s).place())
	}
	if !imageOf(t, fsys).equal(s.image) {
		t.Error("the refused open changed bytes on disk")
	}
}

// expectCut opens the log twice, appends to it and opens it once more: the
// first n frames are there, nothing else is, and it takes appends.
func (s *sample) expectCut(t *testing.T, n int) {
	t.Helper()
	o := s.opts
	o.FS = s.mount(t)
	for round := range 3 {
		l, got, _ := reopen(t, o)
		if want := n + max(0, round-1); len(got) != want {
			t.Fatalf("opening %d: %d frames, want %d", round, len(got), want)
		}
		for i := range n {
			if !bytes.Equal(got[i], s.frames[i].payload) {
				t.Errorf("opening %d: frame %d is %.20x", round, i, got[i])
			}
		}
		if round == 0 {
			continue // killed right after it was opened
		}
		_, err := add(l, []byte("goes on"), l.WaitSynced)
		check(t, err)
		check(t, l.Close())
	}
}
