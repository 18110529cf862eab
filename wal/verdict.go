package wal

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/e6e95bb8/topics/wal/frame"
)

// classify decides what the bytes behind the last valid frame are. If any
// valid frame or header behind them says that the position had been synced,
// or it is known from elsewhere, they are damage; otherwise the power went
// before they were whole.
func (s *scanner) classify() error {
	if len(s.used) == 0 && len(s.unused) > 0 && s.logID == 0 {
		return &CorruptionError{File: s.unused[0].name, Cause: "header missing or damaged",
			Proof: "no other file tells which log it belongs to"}
	}
	if s.end < s.synced {
		return s.damaged(nil, fmt.Sprintf("the log is known to have been durable up to lsn %d", s.synced))
	}
	rest := s.unused
	if len(s.used) > 0 {
		rest = slices.Concat(s.used[s.at:], s.unused)
	}
	s.reach = s.end
	for i, f := range rest {
		s.reach += LSN(f.size)
		off, at := int64(0), i == 0 && len(s.used) > 0
		if at {
			off = f.offset(s.end)
		}
		switch {
		case !at && f.synced > s.end:
			return s.damaged(f, fmt.Sprintf("the header of %s says so", f.name))
		case !at && f.index <= s.opts.Newest:
			return s.damaged(f, fmt.Sprintf("%s was in use", fileName(s.opts.Newest)))
		}
		if err := s.sift(f, off, at); err != nil {
			return err
		}
	}
	return nil
}

// sift looks at every aligned offset of f from off on for a valid frame that
// proves end to have been synced, and measures the bytes that are not zero.
// at says that f is the file that holds end.
func (s *scanner) sift(f *file, off int64, at bool) error {
	from, to := off, off
	buf := make([]byte, min(blockBytes+frame.HeaderSize, f.size-off))
	for ; off < f.size; off += blockBytes {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), f.size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
		}
		nonzero := lastNonzero(buf[:min(n, blockBytes)])
		if nonzero == 0 {
			continue
		}
		to = off + int64(nonzero)
		for i := 0; i < nonzero && i+frame.HeaderSize <= n; i += frame.Align {
			lsn := s.plausible(f, buf[i:n], off+int64(i), at || f.first > 0)
			if lsn <= s.end {
				continue
			}
			if err := s.proof(f, off+int64(i), lsn); err != nil {
				return err
			}
		}
	}
	s.garbage += to - from
	if at {
		s.dirtyTo = to
	}
	return nil
}

// plausible returns the position that a header at f's offset off claims, if it
// may be a frame of this log there, else 0. Where the header of f is lost
// (known is false), so is the position of its first frame: any in reach will
// do then.
func (s *scanner) plausible(f *file, p []byte, off int64, known bool) LSN {
	lsn := LSN(frame.LSN(p))
	size, ok := frame.Claimed(p)
	if !ok || p[4] == 0 || lsn < s.end || lsn > s.reach || off+int64(size) > f.size || known && off != f.offset(lsn) {
		return 0
	}
	return lsn
}

// proof returns the damage that a valid frame at f's offset off proves. One
// that proves nothing will be cut.
func (s *scanner) proof(f *file, off int64, lsn LSN) error {
	head := make([]byte, frame.HeaderSize)
	if _, err := f.ReadAt(head, off); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
	}
	size, _ := frame.Claimed(head)
	buf := make([]byte, size)
	if _, err := f.ReadAt(buf, off); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("wal: read %s at %d: %w", f.name, off, err)
	}
	fr, _, err := frame.Decode(buf, s.logID, uint64(lsn))
	switch {
	case err != nil:
	case LSN(fr.Synced) > s.end:
		return s.damaged(f, fmt.Sprintf("the frame in %s at offset %d says so", f.name, off))
	case s.opts.Cut != nil && fr.Type != typeMarker:
		s.opts.Cut(Frame{fr.Type, lsn, lsn + LSN(size), fr.Payload})
	}
	return nil
}

// damaged describes the end of the valid frames as damage. in is the file that
// holds the proof, if one does. When the frames end cleanly and the log goes
// on in a file without a header, it is the header that is damaged.
func (s *scanner) damaged(in *file, proof string) error {
	e := &CorruptionError{LSN: s.end, Cause: s.cause, Proof: proof}
	if e.Cause == "" {
		e.Cause = "zeros where a frame was"
	}
	last := s.at+1 >= len(s.used) && len(s.unused) > 0
	switch {
	case last && (len(s.used) == 0 || s.used[s.at].room(s.end) == 0 || s.cause == "" && slices.Contains(s.unused, in)):
		e.File, e.Cause = s.unused[0].name, "header missing or damaged"
	case len(s.used) == 0:
		e.File, e.Cause = fileName(1), "file is missing"
	default:
		e.File, e.Offset = s.used[s.at].name, s.used[s.at].offset(s.end)
	}
	return e
}

// lastNonzero is the length of p without its trailing zeros.
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
