package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/e6e95bb8/topics/wal/frame"
)

// TailKind is how the last process that wrote a log ended. What a torn tail may
// look like depends on it.
type TailKind uint8

const (
	// TailPower is a power cut, or an unknown end. Writes reached the disk in any
	// order, so anything is a torn tail unless a later frame or header, or
	// Options, proves that it had been synced.
	TailPower TailKind = iota
	// TailKill is a process that ended while the kernel lived on, with the page
	// cache intact. Writes reached the cache in order, so after the last valid
	// frame stands at most the beginning of one frame, or of the header of the
	// next file, and zeros. Anything else is damage.
	//
	// It must not be used after a write or a sync has failed, nor before an
	// opening with TailPower has succeeded since the last power cut.
	TailKill
	// TailDamaged is for reading the log of a directory that is known to be
	// damaged: every tail that is not zeros counts as damage.
	TailDamaged
)

// classify decides whether the bytes after the last valid frame are a torn tail or
// corruption. They are corruption if a valid frame or header after them, or
// Options, proves that the end had been synced, or if they cannot be a torn tail of
// the kind that Options.Tail names.
func (s *scanner) classify() error {
	if len(s.used) == 0 && len(s.unused) > 0 && s.logID == 0 {
		return noLogID(s.unused[0])
	}
	if s.end < s.synced {
		return s.corruption(nil, fmt.Sprintf("the log is known to have been durable up to lsn %d", s.synced))
	}
	files := s.unused
	if len(s.used) > 0 {
		files = slices.Concat(s.used[s.at:], s.unused)
	}
	s.farthest = s.end
	var rests []rest
	for i, f := range files {
		s.farthest += LSN(max(f.size, s.opts.FileBytes)) // it may have been cut short
		off, at := int64(0), i == 0 && len(s.used) > 0
		if at {
			off = f.offset(s.end)
		}
		switch {
		case !at && f.synced > s.end:
			return s.corruption(f, fmt.Sprintf("the header of %s says so", f.name))
		case !at && f.index <= s.opts.Newest:
			return s.corruption(f, fmt.Sprintf("%s was in use", FileName(s.opts.Newest)))
		}
		found, err := s.findProof(rest{file: f, from: off, holds: at})
		if err != nil {
			return err
		}
		rests = append(rests, found)
		s.before += f.size
	}
	in, why, err := s.notTorn(s.end, rests)
	if err == nil && in != nil {
		err = s.corruption(in, why)
	}
	return err
}

func noLogID(f *file) error {
	return &CorruptionError{File: f.name, Cause: "header missing or damaged", Proof: "no other file tells which log it belongs to"}
}

// findProof searches a file for a valid frame which proves that end had been synced,
// and returns r with what it found. If the header of the file is lost, so is the
// position of its first frame: any position up to farthest fits then.
func (s *scanner) findProof(r rest) (rest, error) {
	f := r.file
	fits := func(off int64, lsn LSN) bool {
		return lsn > s.end && lsn <= s.farthest && (!r.holds && !f.hasHeader || off == f.offset(lsn))
	}
	var err error
	r.to, err = s.search(f, r.from, fits, func(off int64, fr frame.Frame) (bool, error) {
		r.frames = true
		switch {
		case LSN(fr.Synced) > s.end:
			return false, s.corruption(f, fmt.Sprintf("the frame in %s at offset %d says so", f.name, off))
		case s.opts.Cut != nil && fr.Type != typeMarker: // it proves nothing and will be cut
			s.opts.Cut(Frame{fr.Type, LSN(fr.LSN), LSN(fr.LSN) + LSN(frame.Size(len(fr.Payload))), fr.Payload})
		}
		return true, nil
	})
	s.garbage += r.to - r.from
	if r.holds {
		s.dirtyTo = r.to
	}
	return r, err
}

// corruption returns the error for an end of the valid frames that is no torn tail.
// in is the file that holds the proof, if one does. If the frames end cleanly and
// the log continues in a file without a header, the header is damaged.
func (s *scanner) corruption(in *file, proof string) error {
	e := &CorruptionError{LSN: s.end, Cause: s.cause, Proof: proof}
	if e.Cause == "" {
		e.Cause = "zeros where a frame was"
	}
	last := s.at+1 >= len(s.used) && len(s.unused) > 0
	switch {
	case last && (len(s.used) == 0 || s.used[s.at].room(s.end) == 0 || s.cause == "" && slices.Contains(s.unused, in)):
		e.File, e.Cause = s.unused[0].name, "header missing or damaged"
	case len(s.used) == 0:
		e.File, e.Cause = FileName(s.opts.first()), "file is missing"
	default:
		e.File, e.Offset = s.used[s.at].name, s.used[s.at].offset(s.end)
	}
	return e
}

// rest is the part of one file after the end of the valid frames.
type rest struct {
	file     *file
	from, to int64 // offsets of its first byte, and after its last byte that is not zero
	holds    bool  // the file holds the end, at from
	frames   bool  // a valid frame of a later position stands there
}

// notTorn searches the bytes after end, where the valid frames end, for some that
// cannot be a torn tail of the kind that Options.Tail names. It returns the file
// that has them and the reason, or no file. rests are all files from the end on, in
// order.
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

// beginsFrame reports whether the bytes after the end can be the beginning of a
// frame. Any part of its header will do: its fields matter only if bytes follow it,
// and Tail.zeroTail zeroes it last. The last byte of the payload proves that all of
// the frame was written.
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

// wholeUpTo reports whether the frame at the end is whole except for its length,
// which is more than the bytes that are there.
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

// claim returns the size of the frame, and the length of its payload, according to
// the header at off, whose checksum it does not look at. It returns 0 if that is not
// the header of a frame that could be there.
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
