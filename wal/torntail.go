package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/e6e95bb8/topics/wal/frame"
)

// TailKind is what ended the life of a log: what a torn tail may look like
// depends on it.
type TailKind uint8

const (
	// TailPower is a power cut, or an end that is not known. Writes reached the
	// disk in any order, so anything that no later frame, header or record of
	// Options proves to have been synced is a torn tail.
	TailPower TailKind = iota
	// TailKill is a process that ended while the kernel lived on, with the page
	// cache intact. Writes reached the cache in order, so after the last valid
	// frame stands at most the beginning of one frame, or of the header of the
	// next file, and zeros. Anything else is damage.
	//
	// It must not be used after a write or a sync has failed, nor before an
	// opening with TailPower has succeeded since the last power cut.
	TailKill
	// TailDamaged is for reading a log of a directory that is already known to
	// be damaged: every tail that is not zeros counts as damage.
	TailDamaged
)

// rest is what stands in one file after the end of the valid frames.
type rest struct {
	file     *file
	from, to int64 // offsets: where it begins, and after its last byte that is not zero
	holds    bool  // the file holds the end, at from
	frames   bool  // a valid frame of a later position stands there
}

// disorder looks for bytes after end, where the valid frames end, that cannot be
// a torn tail of the kind that Options.Tail names. It returns the file that has
// them and the reason, or no file. rests are all files from the end on, in order.
func (s *scanner) notTorn(end LSN, rests []rest) (in *file, why string, err error) {
	var torn *file
	for i, r := range rests {
		if r.to <= r.from {
			continue
		}
		switch s.opts.Tail {
		case TailPower:
			continue
		case TailDamaged:
			return r.file, fmt.Sprintf("%s is not zeros from offset %d on, and the directory is damaged elsewhere", r.file.name, r.from), nil
		}
		next := i == 0 || i == 1 && rests[0].holds // the file that is written to next
		begins := false
		switch {
		case torn != nil:
			return r.file, fmt.Sprintf("%s was written to after it", r.file.name), nil
		case r.frames:
		case r.holds:
			begins, err = s.beginsFrame(r)
		case next:
			begins, err = s.beginsHeader(r, end)
		}
		if err != nil {
			return nil, "", err
		}
		if !begins {
			return r.file, fmt.Sprintf("a process that is killed leaves the beginning of one write, and %s has more up to offset %d", r.file.name, r.to), nil
		}
		torn = r.file
	}
	return nil, "", nil
}

// beginsFrame reports whether the bytes after the end can be the beginning of
// the frame that was to stand there. Of its header any part will do: what that
// says counts only once bytes follow it, and Tail.cut zeros it last. The last
// byte of the payload proves that all of the frame was written.
func (s *scanner) beginsFrame(r rest) (bool, error) {
	switch {
	case r.file.size-r.from < frame.HeaderSize:
		return false, nil
	case r.to-r.from <= frame.HeaderSize:
		return true, nil
	}
	size, payload, err := s.claim(r.file, r.from)
	if err != nil || size == 0 || r.to >= r.from+frame.HeaderSize+int64(payload) {
		return false, err
	}
	whole, err := s.wholeUpTo(r)
	return !whole, err
}

// wholeUpTo reports whether the frame at the end is whole but for its length,
// which claims more than the bytes that are there.
func (s *scanner) wholeUpTo(r rest) (bool, error) {
	payload := int(r.to-r.from) - frame.HeaderSize
	b := make([]byte, frame.Size(payload))
	if _, err := r.file.ReadAt(b, r.from); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("wal: read %s at %d: %w", r.file.name, r.from, err)
	}
	binary.LittleEndian.PutUint32(b, uint32(payload))
	_, _, err := frame.Decode(b, s.logID, uint64(r.file.first)+uint64(r.from-HeaderSize))
	return err == nil, nil
}

// beginsHeader reports whether the bytes of a file can be the beginning of the
// header that puts it in use at end.
func (s *scanner) beginsHeader(r rest, end LSN) (bool, error) {
	if r.to >= HeaderSize {
		return false, nil
	}
	want := header{logID: s.logID, index: r.file.index, first: end}.encode()
	got := make([]byte, min(r.to, headerSynced))
	if _, err := r.file.ReadAt(got, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("wal: read %s: %w", r.file.name, err)
	}
	return bytes.Equal(got, want[:len(got)]), nil
}

// claim returns the size, and the length of the payload, of the frame that a
// header at off claims to begin there, whatever its checksum says. A size of 0
// is no header of a frame that could stand there.
func (r *Replay) claim(f *file, off int64) (size int64, payload int, err error) {
	if f.size-off < frame.HeaderSize {
		return 0, 0, nil
	}
	b := make([]byte, frame.HeaderSize)
	if _, err := f.ReadAt(b, off); err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
	}
	n, ok := frame.Claimed(b)
	if !ok || int64(n) > f.size-off || f.offset(LSN(frame.LSN(b))) != off || frame.Type(b) == 0 {
		return 0, 0, nil
	}
	return int64(n), frame.PayloadSize(b), nil
}

// untilZeros returns the offset after the last byte of the file that is not
// zero, at least from.
func (f *file) untilZeros(from int64) (int64, error) {
	buf := make([]byte, max(0, min(blockBytes, f.size-from)))
	for to := f.size; to > from; {
		off := max(from, to-int64(len(buf)))
		n, err := f.ReadAt(buf[:to-off], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
		}
		if n = lastNonzero(buf[:n]); n > 0 {
			return off + int64(n), nil
		}
		to = off
	}
	return from, nil
}
