package wal

import (
	"errors"
	"fmt"
	"io"

	"github.com/e6e95bb8/topics/wal/frame"
)

// search looks at every aligned offset of f from off on for a valid frame of this
// log whose position fits its offset, and calls found with it, which may end the
// search. After a complete search dirty is the offset after the last byte that is
// not zero, and at least off.
func (s *scanner) search(f *file, off int64, fits func(off int64, lsn LSN) bool,
	found func(off int64, fr frame.Frame) (more bool, err error)) (dirty int64, err error) {
	dirty = off
	buf := make([]byte, max(0, min(blockBytes+frame.HeaderSize, f.size-off)))
	for ; off < f.size; off += blockBytes {
		s.progress(s.before + off)
		n, err := f.ReadAt(buf[:min(int64(len(buf)), f.size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return dirty, fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
		}
		nonzero := lastNonzero(buf[:min(n, blockBytes)])
		if nonzero == 0 {
			continue
		}
		dirty = off + int64(nonzero)
		for i := 0; i < nonzero && i+frame.HeaderSize <= n; i += frame.Align {
			p, at := buf[i:n], off+int64(i)
			size, ok := frame.Claimed(p)
			if !ok || p[4] == 0 || at+int64(size) > f.size || !fits(at, LSN(frame.LSN(p))) {
				continue
			}
			fr, err := s.frameAt(f, at, size, LSN(frame.LSN(p)))
			if errors.Is(err, frame.ErrBad) {
				continue
			}
			if err != nil {
				return dirty, err
			}
			more, err := found(at, fr)
			if err != nil || !more {
				return dirty, err
			}
		}
	}
	return dirty, nil
}

// frameAt reads and verifies the frame at off, which has that size and position
// according to its header.
func (s *scanner) frameAt(f *file, off int64, size int, lsn LSN) (frame.Frame, error) {
	buf := make([]byte, size)
	if _, err := f.ReadAt(buf, off); err != nil && !errors.Is(err, io.EOF) {
		return frame.Frame{}, fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
	}
	fr, _, err := frame.Decode(buf, s.logID, uint64(lsn))
	if err != nil {
		return fr, frame.ErrBad
	}
	return fr, nil
}

// lastNonzero returns the length of p without its trailing zeros.
func lastNonzero(p []byte) int {
	n := len(p)
	for n >= 8 && p[n-1]|p[n-2]|p[n-3]|p[n-4]|p[n-5]|p[n-6]|p[n-7]|p[n-8] == 0 {
		n -= 8
	}
	for n > 0 && p[n-1] == 0 {
		n--
	}
	return n
}
