package wal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// TestEveryBitOfAHeader flips each bit of the headers of the sample.
func TestEveryBitOfAHeader(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	whole := newSample(t)
	for n := 1; n <= 3; n++ {
		for bit := range 8 * HeaderSize {
			s := *whole
			s.image = whole.clone()
			s.image[FileName(uint64(n))][bit/8] ^= 1 << (bit % 8)
			s.expect(t, &row{corrupt: badHeader(n)})
		}
	}
}

// TestEveryByteOfAFrame flips a bit in every byte of synced frames: the first
// of the log, the last of a file, the last before the marker.
func TestEveryByteOfAFrame(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much to do")
	}
	whole := newSample(t)
	for _, i := range []int{0, 29, 39} {
		for b := range sampleFrame {
			s := *whole
			s.image = whole.clone()
			s.flip(i, b)
			s.expect(t, &row{corrupt: badFrame(i)})
		}
	}
}

// TestTornHeader leaves any part of the header of the newest file, which was
// not synced yet.
func TestTornHeader(t *testing.T) {
	whole := newSample(t)
	h := header{logID: whole.logID, index: 4, first: whole.frames[sampleFrames-1].span.End, synced: whole.syncEnd, size: 16 << 10}
	for cut := range HeaderSize + 1 {
		for _, part := range []struct{ from, to int }{{0, cut}, {cut, HeaderSize}} {
			s := *whole
			s.image = whole.clone()
			copy(s.image[FileName(4)][part.from:part.to], h.encode()[part.from:part.to])
			s.expectCut(t, sampleFrames)
		}
	}
}

// TestKnownFromElsewhere damages frames that nothing later in the log proves to have
// been synced. It is cut, unless Options have how far the log had come.
func TestKnownFromElsewhere(t *testing.T) {
	whole := newSample(t)
	lastFrame := func(s *sample) { s.flip(39, 5); zero(s.image[FileName(3)][s.at(39)+sampleFrame:]) }
	for _, tt := range []struct {
		name    string
		damage  func(s *sample)
		know    func(o *Options)
		corrupt func(*sample) *CorruptionError
		cut     int
	}{
		{name: "last synced frame and the marker", damage: lastFrame, cut: 39},
		{name: "last synced frame and the marker, synced known", damage: lastFrame,
			know: func(o *Options) { o.Synced = whole.syncEnd }, corrupt: badFrame(39)},
		{name: "last file and spare missing",
			damage: func(s *sample) { delete(s.image, FileName(3)); delete(s.image, FileName(4)) }, cut: 30},
		{name: "last file and spare missing, newest known",
			damage: func(s *sample) { delete(s.image, FileName(3)); delete(s.image, FileName(4)) },
			know:   func(o *Options) { o.Newest = 3 }, corrupt: gone(3, -1)},
		{name: "last file and spare missing, synced known",
			damage: func(s *sample) { delete(s.image, FileName(3)); delete(s.image, FileName(4)) },
			know:   func(o *Options) { o.Synced = whole.syncEnd },
			corrupt: func(s *sample) *CorruptionError {
				e := s.bad(29)
				e.Offset, e.LSN = e.Offset+sampleFrame, e.LSN+sampleFrame
				return e
			}},
		{name: "last file zeroed", damage: func(s *sample) { zero(s.image[FileName(3)]) }, cut: 30},
		{name: "last file zeroed, newest known", damage: func(s *sample) { zero(s.image[FileName(3)]) },
			know: func(o *Options) { o.Newest = 3 }, corrupt: badHeader(3)},
		{name: "all files missing", damage: func(s *sample) { clear(s.image) }, cut: 0},
		{name: "all files missing, newest known", damage: func(s *sample) { clear(s.image) },
			know: func(o *Options) { o.Newest = 3 }, corrupt: gone(3, -1)},
		{name: "all files missing, synced known", damage: func(s *sample) { clear(s.image) },
			know: func(o *Options) { o.Synced = whole.syncEnd }, corrupt: gone(1, -1)},
		{name: "nothing, all known", damage: func(s *sample) {},
			know: func(o *Options) { o.Newest, o.Synced = 3, whole.syncEnd }, cut: sampleFrames},
		{name: "another log id", damage: func(s *sample) {},
			know: func(o *Options) { o.LogID++ }, corrupt: badHeader(1)},
		{name: "no log id", damage: func(s *sample) {}, know: func(o *Options) { o.LogID = 0 }, cut: sampleFrames},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *whole
			s.image = whole.clone()
			tt.damage(&s)
			if tt.know != nil {
				tt.know(&s.opts)
			}
			s.expect(t, &row{corrupt: tt.corrupt, cut: tt.cut})
		})
	}
}

// TestHeaderLostBetweenRotations loses the header of a file while the header
// of the next one, put in use before any sync, is there. That is the power's
// doing, and damage only if a sync came between.
func TestHeaderLostBetweenRotations(t *testing.T) {
	for _, synced := range []bool{false, true} {
		fsys := crashfs.New()
		s := &sample{opts: options(fsys, ".")}
		s.opts.Manual, s.opts.FileBytes, s.logID = true, 16<<10, s.opts.LogID
		l, _, _ := reopen(t, s.opts)
		for i := range 2*perFile + 1 {
			p := bytes.Repeat([]byte{byte(i + 1)}, samplePayload)
			wait := l.WaitWritten
			if i < perFile || synced {
				wait = l.WaitSynced
			}
			span, err := add(l, p, wait)
			check(t, err)
			s.frames = append(s.frames, entry{span, 1, p})
		}
		s.image = imageOf(t, fsys)
		zero(s.image[FileName(2)])
		if synced {
			s.expect(t, &row{corrupt: badHeader(2)})
		} else {
			s.expectCut(t, perFile)
		}
	}
}

// TestErrorsName holds the messages to what an operator needs.
func TestErrorsName(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want []string
	}{
		{&CorruptionError{File: FileName(10), Offset: 4711, LSN: 815, Cause: "no valid frame", Proof: "so"},
			[]string{"000000000000000a.wal", "4711", "815", "no valid frame", "not a torn tail: so"}},
		{&CorruptionError{File: FileName(1), Offset: 64, Cause: "short"}, []string{"offset 64", "short"}},
		{&VersionError{FileName(3), 7, 1}, []string{"0000000000000003.wal", "version 7", "version 1"}},
		{&failure{fmt.Errorf("no such luck")}, []string{ErrReadOnly.Error(), "no such luck"}},
	} {
		for _, want := range tt.want {
			if !strings.Contains(tt.err.Error(), want) {
				t.Errorf("%q does not say %q", tt.err, want)
			}
		}
	}
}
