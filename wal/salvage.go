package wal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/wal/frame"
)

// salvage delivers the frames of a log that may be corrupt anywhere.
type salvage struct {
	*salvageScan
	apply   func(Frame) error
	corrupt func(*CorruptionError) error

	pos   LSN             // everything below was delivered or is lost
	cur   *file           // holds pos; nil if no file does
	ended bool            // the log ends at pos: nothing proves that it had more
	last  CorruptionError // reported last, but Next is endOfTime if no frames follow
}

// Salvage reads like Run, but reports corruption by calling corrupt, and continues
// at the next valid frame. On a log that Run accepts it delivers exactly the frames
// that Run does and reports nothing; on any other it reports something. end is
// where the log ends: a torn tail, which Run would cut, is no corruption.
//
// It reads every file twice, first to find what its frames prove: only that
// distinguishes corruption from a torn tail. It changes nothing on disk, and closes
// the files. It returns the first error of apply, of corrupt, or of reading.
func (r *Replay) Salvage(apply func(Frame) error, corrupt func(*CorruptionError) error) (end LSN, err error) {
	defer r.close()
	all := slices.Concat(r.used, r.unused)
	if r.logID == 0 && len(all) > 0 {
		return 0, noLogID(all[0])
	}
	s := &salvage{salvageScan: newSalvageScan(r, all), apply: apply, corrupt: corrupt}
	if err := s.scan(); err != nil {
		return 0, err
	}
	if err := s.start(); err != nil {
		return s.pos, err
	}
	for i, f := range s.files {
		if err := s.file(i, f); err != nil {
			return s.pos, err
		}
	}
	return s.pos, s.finish()
}

// start finds where to begin: at Options.Start, if a frame begins or the log ends
// there.
func (s *salvage) start() error {
	s.pos = s.opts.Begin
	switch {
	case len(s.files) == 0:
		s.pos = max(s.pos, s.opts.Start)
		return nil
	case s.opts.Start == 0 && s.files[0].hasHeader && s.files[0].index == s.opts.first():
		s.pos = s.files[0].first
		return nil
	case s.opts.Start == 0 && s.opts.First > 1 && s.next(0) < endOfTime:
		s.pos = s.next(0)
		return nil
	}
	s.pos = max(s.pos, s.opts.Start)
	f := s.files[s.begins]
	if !f.hasHeader || f.first >= s.pos || f.holds(s.pos) && s.next(s.begins) == s.pos {
		return nil
	}
	upto, err := s.walk(f, s.pos)
	if err != nil || upto <= s.pos {
		s.pos = upto
		return err
	}
	return s.report(CorruptionError{File: f.name, Offset: f.offset(s.pos), LSN: s.pos, Next: s.next(s.begins), Cause: "no frame begins there"})
}

// file delivers the frames of f, which is files[i], and reports why Open would
// refuse it.
func (s *salvage) file(i int, f *file) error {
	if err := s.enter(i, f); err != nil {
		return err
	}
	for _, r := range s.runs[i] {
		if err := s.deliver(f, r); err != nil {
			return err
		}
	}
	if f.hasHeader && f.refusal != nil {
		return s.report(CorruptionError{File: f.name, Offset: f.size, LSN: s.pos, Next: s.next(i + 1), Cause: cause(f.refusal)})
	}
	return nil
}

// enter checks the name and the header of a file.
func (s *salvage) enter(i int, f *file) error {
	want := s.opts.first()
	if i > 0 {
		want = s.files[i-1].index + 1
	}
	there, next := f.index == want, s.next(i)
	if !there {
		if err := s.report(CorruptionError{File: FileName(want), LSN: s.pos, Next: next, Cause: "file is missing"}); err != nil {
			return err
		}
	}
	why := cause(f.refusal)
	switch {
	case f.hasHeader && f.first <= s.pos:
		s.cur = f
		return nil
	case f.hasHeader && i == 0 && there:
		why = "the frames before the first file are missing"
	case f.hasHeader:
		return nil
	case f.refusal != nil:
	case i == 0 && s.opts.expected():
		why = "header missing or damaged"
	case s.ended:
		return nil
	default:
		proven, err := s.proven(next)
		if err != nil {
			return err
		}
		s.ended = !proven
		if s.ended || next == endOfTime && f.index > s.opts.Newest {
			return nil // never put in use, for all that is known
		}
		why = "header missing or damaged"
	}
	return s.report(CorruptionError{File: f.name, LSN: s.pos, Next: next, Cause: why})
}

// deliver applies the frames of a run, if the log has not ended before it.
func (s *salvage) deliver(f *file, r run) error {
	gap := r.start != s.pos
	if gap && !s.ended {
		proven, err := s.proven(r.start)
		if err != nil {
			return err
		}
		s.ended = !proven
	}
	if s.ended {
		return nil
	}
	if gap && (s.last.File == "" || s.last.LSN != s.pos || s.last.Next != r.start) {
		if err := s.report(s.here(r.start)); err != nil {
			return err
		}
	}
	s.cur, s.pos = f, r.end
	var failed error
	err := s.reread(f, r, func(b verified) bool {
		for _, fr := range b.frames {
			if failed == nil && fr.Type != typeMarker {
				failed = s.one(fr)
			}
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

func (s *salvage) one(fr frame.Frame) error {
	end := LSN(fr.LSN) + LSN(frame.Size(len(fr.Payload)))
	if err := s.apply(Frame{fr.Type, LSN(fr.LSN), end, fr.Payload}); err != nil {
		return fmt.Errorf("wal: apply frame at lsn %d: %w", fr.LSN, err)
	}
	return nil
}

// finish reports what is missing after the last frame.
func (s *salvage) finish() error {
	n := len(s.files)
	switch {
	case n == 0 && s.opts.expected(), s.opts.Newest > 0 && (n == 0 || s.files[n-1].index < s.opts.Newest):
		return s.report(CorruptionError{File: FileName(max(s.opts.Newest, s.opts.first())), LSN: s.pos, Next: endOfTime, Cause: "file is missing"})
	case s.ended, s.last.LSN == s.pos && s.last.Next == endOfTime:
		return nil
	}
	proven, err := s.proven(endOfTime)
	if err != nil || !proven {
		return err
	}
	return s.report(s.here(endOfTime))
}

// proven reports whether the bytes at pos, where there is no valid frame, are
// corruption: something later was synced, or a newer file was in use, or corruption
// was reported there with frames after it, or they are no torn tail of the kind that
// Options.Tail names. next is where valid frames continue, or endOfTime.
func (s *salvage) proven(next LSN) (bool, error) {
	reported := s.last.File != "" && s.last.LSN == s.pos && s.last.Next < endOfTime
	switch {
	case reported, s.pos < s.synced, s.index() < s.opts.Newest:
		return true, nil
	case s.opts.Tail == TailPower:
		return false, nil
	case next < endOfTime:
		return true, nil
	}
	var rests []rest
	if s.cur != nil {
		rests = append(rests, rest{file: s.cur, from: s.cur.offset(s.pos), holds: true})
	}
	for _, f := range s.files[slices.Index(s.files, s.cur)+1:] {
		rests = append(rests, rest{file: f})
	}
	for i, r := range rests {
		var err error
		if rests[i].to, err = r.file.untilZeros(r.from); err != nil {
			return false, err
		}
	}
	in, _, err := s.notTorn(s.pos, rests)
	return in != nil, err
}

func (s *salvage) index() uint64 {
	if s.cur == nil {
		return 0
	}
	return s.cur.index
}

// here returns the corruption at pos, where there is no valid frame.
func (s *salvage) here(next LSN) CorruptionError {
	switch {
	case s.cur != nil:
		return CorruptionError{File: s.cur.name, Offset: s.cur.offset(s.pos), LSN: s.pos, Next: next, Cause: "no valid frame"}
	case len(s.files) > 0:
		return CorruptionError{File: s.files[0].name, LSN: s.pos, Next: next, Cause: "no valid frame"}
	}
	return CorruptionError{File: FileName(s.opts.first()), LSN: s.pos, Next: next, Cause: "file is missing"}
}

// next returns where the frames of files[i] and those after it begin, or endOfTime
// if there are none.
func (s *salvage) next(i int) LSN {
	for _, runs := range s.runs[min(i, len(s.runs)):] {
		if len(runs) > 0 && !s.ended {
			return runs[0].start
		}
	}
	return endOfTime
}

func (s *salvage) report(e CorruptionError) error {
	s.last = e
	if e.Next == endOfTime {
		e.Next = 0
	}
	return s.corrupt(&e)
}

// cause returns the cause of a file's refusal.
func cause(refusal error) string {
	var corrupt *CorruptionError
	switch {
	case errors.As(refusal, &corrupt):
		return corrupt.Cause
	case refusal != nil:
		return refusal.Error()
	}
	return ""
}
