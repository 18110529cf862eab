package wal

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/wal/frame"
)

// classify decides what the bytes behind the last valid frame are. If any
// valid frame or header behind them says that the position had been synced,
// or it is known from elsewhere, they are damage; otherwise the power went
// before they were whole.
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

// sift looks in a file for a valid frame that proves end to have been synced,
// and fills in what it finds. Where the header of the file is lost, so is the
// position of its first frame: any in reach will do then.
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

// damaged describes the end of the valid frames as damage. in is the file that
// holds the proof, if one does. When the frames end cleanly and the log goes
// on in a file without a header, it is the header that is damaged.
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
