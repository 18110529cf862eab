package wal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/e6e95bb8/topics/wal/vfs"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// meter counts the bytes read from log files.
type meter struct {
	vfs.FS
	reads, bytes atomic.Int64
}

func (m *meter) Create(name string) (vfs.File, error) { return m.file(m.FS.Create(name)) }
func (m *meter) Open(name string) (vfs.File, error)   { return m.file(m.FS.Open(name)) }

func (m *meter) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &meterFile{f, m}, nil
}

type meterFile struct {
	vfs.File
	meter *meter
}

func (f *meterFile) ReadAt(p []byte, off int64) (int, error) {
	f.meter.reads.Add(1)
	f.meter.bytes.Add(int64(len(p)))
	return f.File.ReadAt(p, off)
}

// written appends frames of such sizes, synced.
func written(t *testing.T, l *Log, sizes ...int) (frames []entry) {
	t.Helper()
	for i, size := range sizes {
		p := bytes.Repeat([]byte{byte(i + 1)}, size)
		span, err := add(l, p, l.WaitWritten)
		check(t, err)
		frames = append(frames, entry{span, 1, p})
	}
	check(t, l.WaitSynced(l.mu.tail))
	return frames
}

func readBack(t *testing.T, r *Reader, frames ...entry) {
	t.Helper()
	for _, f := range frames {
		_, p, err := r.Frame(f.span.Start)
		if err != nil || !bytes.Equal(p, f.payload) {
			t.Fatalf("%v: read %d bytes, %v", f, len(p), err)
		}
	}
}

func repeat(n, size int) (sizes []int) {
	for range n {
		sizes = append(sizes, size)
	}
	return sizes
}

func TestReadFromTheCache(t *testing.T) {
	m := &meter{FS: crashfs.New()}
	o := options(m, ".")
	o.Manual, o.CacheBytes = true, 4<<20
	l, _, _ := reopen(t, o)
	span, err := add(l, []byte("not written yet"), no)
	check(t, err)
	readBack(t, l.NewReader(), entry{span, 1, []byte("not written yet")})
	frames := written(t, l, append(repeat(300, 1000), 0, 100, 300<<10, 7)...)
	m.reads.Store(0)
	readBack(t, l.NewReader(), frames...)
	if n := m.reads.Load(); n != 0 {
		t.Errorf("%d reads of files", n)
	}
	check(t, l.Close())
}

// TestReadFromFiles reads frames that have left the cache, across files, big
// and small, in order and at random, also after a restart.
func TestReadFromFiles(t *testing.T) {
	o := options(crashfs.New(), ".")
	o.Manual, o.CacheBytes = true, 1
	l, _, _ := reopen(t, o)
	frames := written(t, l, append(repeat(400, 900), 0, 1, 200<<10, 5000, 0, 70<<10, 300<<10, 12)...)
	for range 2 {
		readBack(t, l.NewReader(), frames...)
		r := l.NewReader()
		for i := range frames {
			readBack(t, r, frames[i*37%len(frames)])
		}
		kept := [][]byte{}
		for _, f := range frames {
			_, p, err := r.Frame(f.span.Start)
			check(t, err)
			kept = append(kept, p)
		}
		for i, p := range kept {
			if !bytes.Equal(p, frames[i].payload) {
				t.Fatalf("frame %d changed after it was handed out", i)
			}
		}
		check(t, l.Close())
		l, _, _ = reopen(t, o)
	}
	check(t, l.Close())
}

// TestWindowGrows: a lone frame costs a small read, a run of frames few ones.
func TestWindowGrows(t *testing.T) {
	m := &meter{FS: crashfs.New()}
	o := options(m, ".")
	o.Manual, o.CacheBytes, o.FileBytes = true, 1, 4<<20
	l, _, _ := reopen(t, o)
	frames := written(t, l, repeat(3000, 1000)...)
	m.reads.Store(0)
	m.bytes.Store(0)
	readBack(t, l.NewReader(), frames[10])
	if n := m.bytes.Load(); n > minWindow {
		t.Errorf("a frame of 1000 bytes took %d", n)
	}
	m.reads.Store(0)
	m.bytes.Store(0)
	run := frames[:2500]
	readBack(t, l.NewReader(), run...)
	size := int64(run[len(run)-1].span.End)
	if reads, n := m.reads.Load(), m.bytes.Load(); reads > size/maxWindow+10 || n > size+size/8+maxWindow {
		t.Errorf("a run of %d bytes took %d reads of %d bytes", size, reads, n)
	}
	check(t, l.Close())
}

// TestWindowEndsWhereWritingDid: a window read while frames are appended
// is not used for bytes written after it.
func TestWindowEndsWhereWritingDid(t *testing.T) {
	o := options(crashfs.New(), ".")
	o.Manual, o.CacheBytes, o.FileBytes = true, 1, 4<<20
	l, _, _ := reopen(t, o)
	const each = 1024 - 32 // payload; 256 frames fill a chunk
	first := written(t, l, repeat(chunkBytes/1024, each)...)
	var later []entry
	for _, size := range []int{500, chunkBytes} { // the second one drops the first chunk
		p := bytes.Repeat([]byte{9}, size)
		span, err := add(l, p, no)
		check(t, err)
		later = append(later, entry{span, 1, p})
	}
	if l.Written() != later[0].span.Start {
		t.Fatal("the frames behind the window have been written too early")
	}
	r := l.NewReader()
	readBack(t, r, first...)
	if r.file == nil {
		t.Fatal("the first chunk is still in the cache")
	}
	later = append(later, written(t, l, 500)...)
	written(t, l, chunkBytes)
	readBack(t, r, later...)
	check(t, l.Close())
}

// TestReadDamage reads frames whose bytes have changed since.
func TestReadDamage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(frame []byte)
	}{
		{"zeros", func(b []byte) { clear(b) }},
		{"flip in the payload", func(b []byte) { b[500] ^= 1 }},
		{"flip in the sum", func(b []byte) { b[24] ^= 1 }},
		{"another length", func(b []byte) { b[0]++ }},
		{"a length beyond the file", func(b []byte) { b[2] = 0xff }},
		{"a length beyond all bounds", func(b []byte) { b[3] = 0xff }},
		{"another position", func(b []byte) { b[8]++ }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			o := options(vfs.OS(), dir)
			o.Manual, o.CacheBytes = true, 1
			l, _, _ := reopen(t, o)
			defer l.Close()
			frames := written(t, l, repeat(900, 1000)...)
			const at = 70 // in the second file
			f := fileOf(*l.files.Load(), frames[at].span.Start)
			off := f.offset(frames[at].span.Start)
			buf := make([]byte, 1032)
			h, err := os.OpenFile(dir+"/"+f.name, os.O_RDWR, 0)
			check(t, err)
			defer h.Close()
			_, err = h.ReadAt(buf, off)
			check(t, err)
			tt.damage(buf)
			_, err = h.WriteAt(buf, off)
			check(t, err)

			r := l.NewReader()
			readBack(t, r, frames[:at]...)
			_, _, err = r.Frame(frames[at].span.Start)
			var corrupt *CorruptionError
			if !errors.As(err, &corrupt) || corrupt.File != f.name || corrupt.Offset != off || corrupt.LSN != frames[at].span.Start {
				t.Errorf("read returned %v, want damage in %s at %d", err, f.name, off)
			}
			if strings.Contains(err.Error(), "synced") {
				t.Errorf("%q claims a proof", err)
			}
			readBack(t, r, frames[at+1:]...)
		})
	}
}

// TestReadCutFile reads a frame of a file that was cut short meanwhile.
func TestReadCutFile(t *testing.T) {
	dir := t.TempDir()
	o := options(vfs.OS(), dir)
	o.Manual, o.CacheBytes = true, 1
	l, _, _ := reopen(t, o)
	defer l.Close()
	frames := written(t, l, repeat(900, 1000)...)
	check(t, os.Truncate(dir+"/"+FileName(1), 10_000))
	r := l.NewReader()
	readBack(t, r, frames[:9]...)
	_, _, err := r.Frame(frames[12].span.Start)
	var corrupt *CorruptionError
	if !errors.As(err, &corrupt) || errors.Is(err, io.EOF) {
		t.Errorf("read returned %v", err)
	}
}
