package wal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// image is the content of a log's directory, by base name, to be damaged.
type image map[string][]byte

func imageOf(t *testing.T, fsys vfs.FS) image {
	t.Helper()
	names, err := fsys.List(".")
	check(t, err)
	m := image{}
	for _, name := range names {
		if m[name], err = vfs.ReadFile(fsys, name); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// mount is a file system that holds the image.
func (m image) mount(t *testing.T) *crashfs.FS {
	t.Helper()
	fsys := crashfs.New()
	for _, name := range slices.Sorted(maps.Keys(m)) {
		f, err := fsys.Create(name)
		check(t, err)
		_, err = f.WriteAt(m[name], 0)
		check(t, err)
		check(t, f.Sync())
	}
	check(t, fsys.SyncDir("."))
	return fsys
}

func (m image) clone() image {
	c := image{}
	for name, b := range m {
		c[name] = bytes.Clone(b)
	}
	return c
}

func (m image) equal(o image) bool {
	return maps.EqualFunc(m, o, bytes.Equal)
}

// sample is a log of three files and the next one: what each row of the damage
// table starts from.
//
//	file 1: frames 0 to 14    file 2: 15 to 29    file 3: 30 to 39, a marker, 40 to 42, zeros    file 4: zeros
//
// Frames 0 to 39 are synced one by one and the marker proves the last of them;
// 40 to 42 are written only.
type sample struct {
	image
	opts    Options
	frames  []entry
	marker  LSN // where the marker stands
	logID   uint64
	syncEnd LSN // everything below is synced
}

const (
	samplePayload = 997 // with 3 bytes of padding
	sampleFrame   = 1032
	perFile       = 15
	syncedFrames  = 40
	sampleFrames  = 43
)

func newSample(t *testing.T) *sample {
	t.Helper()
	fsys := crashfs.New()
	s := &sample{opts: options(fsys, ".")}
	s.opts.Manual, s.opts.FileBytes, s.logID = true, 16<<10, s.opts.LogID
	l, _, _ := reopen(t, s.opts)
	for i := range sampleFrames {
		if i == syncedFrames {
			for range 2 {
				_, err := l.Tick()
				check(t, err)
			}
			s.marker, s.syncEnd = s.frames[i-1].span.End, l.mu.sync.done
		}
		p := bytes.Repeat([]byte{byte(i + 1)}, samplePayload)
		wait := l.WaitSynced
		if i >= syncedFrames {
			wait = l.WaitWritten
		}
		span, err := add(l, p, wait)
		check(t, err)
		s.frames = append(s.frames, entry{span, 1, p})
	}
	l.prepareNext()
	s.image = imageOf(t, fsys)
	if len(s.image) != 4 || s.at(perFile) != 64 || s.at(2*perFile) != 64 || s.frames[0].span.End != sampleFrame {
		t.Fatalf("the sample is not what it should be: %d files", len(s.image))
	}
	return s
}

// file is the name of the file that holds frame i, at its offset there.
func (s *sample) file(i int) string { return FileName(uint64(min(i/perFile, 2) + 1)) }

func (s *sample) at(i int) int64 {
	first := s.frames[min(i/perFile, 2)*perFile].span.Start
	return HeaderSize + int64(s.frames[i].span.Start-first)
}

// bytes are those of frame i, in place.
func (s *sample) bytes(i int) []byte { return s.image[s.file(i)][s.at(i):][:sampleFrame] }

// flip inverts one bit of frame i, in its byte b.
func (s *sample) flip(i, b int) { s.bytes(i)[b] ^= 0x10 }

// seal returns a whole frame.
func seal(logID uint64, lsn, synced LSN, payload []byte) []byte {
	b := make([]byte, frame.Size(len(payload)))
	copy(b[frame.HeaderSize:], payload)
	frame.Seal(b, 1, logID, uint64(lsn), uint64(synced), len(payload))
	return b
}

// bad is the damage that is expected in frame i.
func (s *sample) bad(i int) *CorruptionError {
	return &CorruptionError{File: s.file(i), Offset: s.at(i), LSN: s.frames[i].span.Start}
}

// badHeader is the damage that is expected in the header of file n.
func (s *sample) badHeader(n int) *CorruptionError {
	return &CorruptionError{File: FileName(uint64(n)), LSN: s.frames[(n-1)*perFile].span.Start}
}

func (e *CorruptionError) place() string { return fmt.Sprintf("%s:%d lsn %d", e.File, e.Offset, e.LSN) }
