package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// A reader reads files through a window: it starts small, for a lone frame, and
// doubles while the frames read are close together.
const (
	minWindow = 4 << 10
	maxWindow = 256 << 10
)

// Reader reads frames by position, from the cache or the files. It is for one
// goroutine and a few frames in rising order. The zero Reader is not usable.
type Reader struct {
	log    *Log
	replay *Replay // set if log is nil
	window []byte  // bytes [at, at+len) of file
	file   *file
	at     int64
	next   int // size of the next window
	ctx    context.Context
}

// NewReader returns a reader of the log.
func (l *Log) NewReader() *Reader { return &Reader{log: l, next: minWindow, ctx: context.Background()} }

// NewReader returns a reader of the frames of a replay. It works while the replay
// runs: a frame may refer to an earlier one.
func (r *Replay) NewReader() *Reader {
	return &Reader{replay: r, next: minWindow, ctx: context.Background()}
}

// Within makes reads of files return when ctx ends while they wait for other reads.
func (r *Reader) Within(ctx context.Context) { r.ctx = ctx }

// Frame returns the type and the payload of the frame that Append put at lsn. The
// payload never changes and may be kept. A frame from a file is verified; damage is
// a *CorruptionError. For a frame that TruncateFront has freed Frame returns
// ErrTruncated, unless the cache still has it.
func (r *Reader) Frame(lsn LSN) (typ byte, payload []byte, err error) {
	if r.log != nil {
		if typ, p, ok := r.log.cache.frame(lsn); ok {
			return typ, p, nil
		}
	}
	f := r.fileOf(lsn)
	if f == nil {
		return 0, nil, fmt.Errorf("%w: lsn %d", ErrTruncated, lsn)
	}
	fr, err := r.frame(f, lsn)
	// A file freed meanwhile may be closed, zeroed, or in use for other
	// positions. A frame that was verified is right all the same.
	if err != nil && f.freed.Load() {
		return 0, nil, fmt.Errorf("%w: lsn %d", ErrTruncated, lsn)
	}
	return fr.Type, fr.Payload, err
}

// frame reads and verifies the frame at lsn, which f holds.
func (r *Reader) frame(f *file, lsn LSN) (frame.Frame, error) {
	off := f.offset(lsn)
	buf, err := r.bytes(f, off, frame.HeaderSize)
	if err != nil {
		return frame.Frame{}, err
	}
	size, ok := frame.Claimed(buf)
	if ok && off+int64(size) <= f.size {
		if buf, err = r.bytes(f, off, size); err != nil {
			return frame.Frame{}, err
		}
	}
	fr, _, err := frame.Decode(buf, r.logID(), uint64(lsn))
	if err != nil {
		return frame.Frame{}, &CorruptionError{File: f.name, Offset: off, LSN: lsn, Cause: err.Error()}
	}
	return fr, nil
}

func (r *Reader) logID() uint64 {
	if r.log == nil {
		return r.replay.logID
	}
	return r.log.logID
}

// bytes returns n bytes at off, out of the window or a fresh one. A window is
// never reused: frames handed out alias it.
func (r *Reader) bytes(f *file, off int64, n int) ([]byte, error) {
	if from := off - r.at; f == r.file && from >= 0 && from+int64(n) <= int64(len(r.window)) {
		return r.window[from : from+int64(n)], nil
	}
	if near := f == r.file && off >= r.at && off < r.at+2*int64(len(r.window)); near {
		r.next = min(2*r.next, maxWindow)
	} else {
		r.next = minWindow
	}
	// Do not read ahead of what is written: frames that are not there yet may be
	// by the time they are needed.
	ahead := int64(r.next)
	if r.log != nil {
		ahead = min(ahead, f.offset(r.log.Written())-off)
	}
	buf := make([]byte, min(max(int64(n), ahead), f.size-off))
	if _, err := vfs.ReadAt(r.ctx, f.File, buf, off); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
	}
	r.file, r.at, r.window = f, off, buf
	return buf[:min(n, len(buf))], nil
}

// fileOf returns the file that holds lsn, or nil if it was freed.
func (r *Reader) fileOf(lsn LSN) *file {
	if r.log != nil {
		return fileOf(*r.log.files.Load(), lsn)
	}
	// Corruption may have left any of them without a header.
	if f := fileOf(r.replay.used, lsn); f != nil && f.hasHeader && f.holds(lsn) {
		return f
	}
	for _, f := range r.replay.unused {
		if f.hasHeader && f.first <= lsn && f.holds(lsn) {
			return f
		}
	}
	return nil
}

// fileOf returns the last of the files, which are in order, that begins no
// later than lsn.
func fileOf(files []*file, lsn LSN) *file {
	i := sort.Search(len(files), func(i int) bool { return files[i].first > lsn }) - 1
	if i < 0 {
		return nil
	}
	return files[i]
}
