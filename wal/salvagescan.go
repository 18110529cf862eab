package wal

import (
	"fmt"

	"github.com/e6e95bb8/topics/wal/frame"
)

// endOfTime is above every position that a log can reach.
const endOfTime LSN = 1 << 62

// salvageScan is the first pass of Salvage over a log. It finds where valid frames
// are, and how far they prove the log to have been synced.
type salvageScan struct {
	*scanner
	files  []*file     // all of them, by index
	begins int         // index in files of the one that holds Options.Start
	runs   [][]run     // by file, rising
	free   chan []byte // the block read last
}

// run is a sequence of valid frames in one file, without a gap.
type run struct{ start, end LSN }

func newSalvageScan(r *Replay, all []*file) *salvageScan {
	return &salvageScan{scanner: newScanner(r), files: all, runs: make([][]run, len(all)), free: make(chan []byte, 1)}
}

// scan reads every file and finds its runs.
func (s *salvageScan) scan() error {
	s.checkHeaders()
	for i, f := range s.files {
		if !f.hasHeader {
			continue
		}
		s.synced = max(s.synced, f.synced)
		if f.first <= s.opts.Start {
			s.begins = i
		}
	}
	var floor LSN // where the files read so far came to
	for i := s.begins; i < len(s.files); i++ {
		if err := s.find(i, floor); err != nil {
			return err
		}
		if n := len(s.runs[i]); n > 0 {
			floor = s.runs[i][n-1].end
		} else if s.files[i].hasHeader {
			floor = s.files[i].first
		}
	}
	return nil
}

// checkHeaders drops every header that does not follow the ones before it.
func (s *salvageScan) checkHeaders() {
	var last *file
	for _, f := range s.files {
		if !f.hasHeader {
			continue
		}
		follows := last == nil || f.first >= last.first &&
			(f.index > last.index+1 || last.refusal != nil || last.holds(f.first))
		if !follows || f.first >= endOfTime {
			f.hasHeader = false
			f.refusal = &CorruptionError{File: f.name, LSN: f.first, Cause: "does not follow the file before it", Proof: "its header is whole"}
			continue
		}
		last = f
	}
}

// find finds the runs of files[i], which does not begin before floor.
func (s *salvageScan) find(i int, floor LSN) error {
	f, limit := s.files[i], endOfTime
	for _, g := range s.files[i+1:] {
		if g.hasHeader {
			limit = g.first
			break
		}
	}
	if !f.hasHeader {
		if err := s.inferStart(f, floor, limit); err != nil {
			return err
		}
	}
	s.end = max(f.first, s.opts.Start)
	for s.end < limit && f.holds(s.end) {
		r := run{start: s.end}
		var err error
		if r.end, err = s.chain(f, s.end, limit); err != nil {
			return err
		}
		if r.end > r.start {
			s.runs[i] = append(s.runs[i], r)
		}
		s.end = limit
		if _, err := s.search(f, f.offset(r.end)+frame.Align, func(at int64, lsn LSN) bool {
			return lsn > r.end && lsn < limit && at == f.offset(lsn)
		}, func(_ int64, fr frame.Frame) (bool, error) {
			s.end = LSN(fr.LSN)
			return false, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// inferStart sets the position at which a file without a header begins to the one
// that most bytes of its frames agree on. Frames that are out of place count only
// for what they prove to have been synced.
func (s *salvageScan) inferStart(f *file, floor, limit LSN) error {
	votes := map[LSN]int{}
	_, err := s.search(f, 0, func(_ int64, lsn LSN) bool {
		return lsn >= floor && lsn < endOfTime
	}, func(off int64, fr frame.Frame) (bool, error) {
		s.synced = max(s.synced, LSN(fr.Synced))
		lsn, before := LSN(fr.LSN), LSN(max(off-HeaderSize, 0)) // frame bytes before it
		if off >= HeaderSize && lsn >= floor+before && lsn < limit {
			votes[lsn-before] += frame.Size(len(fr.Payload))
		}
		return true, nil
	})
	f.first = endOfTime
	for first, bytes := range votes {
		if n := votes[f.first]; bytes > n || bytes == n && first < f.first {
			f.first = first
		}
	}
	return err
}

// chain follows the frames of f from start on, up to limit, and returns where they
// end.
func (s *salvageScan) chain(f *file, start, limit LSN) (LSN, error) {
	err := s.frames(f, start, limit, func(verified) bool { return true })
	return s.end, err
}

// walk follows the frames of f from its first on until they reach upto, and returns
// where they end.
func (s *salvageScan) walk(f *file, upto LSN) (LSN, error) {
	err := s.frames(f, f.first, endOfTime, func(verified) bool { return s.end < upto })
	return s.end, err
}

// reread reads the frames of a run again and sends them.
func (s *salvageScan) reread(f *file, r run, send func(verified) bool) error {
	err := s.frames(f, r.start, r.end, send)
	if err == nil && s.end != r.end {
		err = fmt.Errorf("wal: %s changed at lsn %d while it was read", f.name, s.end)
	}
	return err
}

func (s *salvageScan) frames(f *file, start, limit LSN, send func(verified) bool) error {
	to := f.size
	if f.holds(limit) {
		to = f.offset(limit)
	}
	s.end = start
	_, err := s.readFile(f, to, func(b verified) bool {
		more := send(b)
		s.free <- b.buf
		return more
	}, s.free)
	return err
}
