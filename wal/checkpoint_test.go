package wal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// errKeep is an archive that has no room.
var errKeep = errors.New("not kept")

// release does what a checkpoint does: it records where the log is needed
// from, as a manifest would, durably, and gives the files before that back.
func (s *simulation) release() error {
	start, files := s.log.Synced(), s.log.Files()
	if n := s.synced; n > 0 && s.rng.IntN(3) > 0 {
		start = s.frames[s.rng.IntN(n)].span.Start
	}
	if start <= s.start || s.log.Stats().ReadOnly {
		return nil
	}
	var first File
	for _, f := range files {
		if f.First <= start {
			first = f
		}
	}
	s.opts.First, s.opts.Start = first.Index, start
	s.checkpoint(start)
	s.note("checkpoint: start %d in file %d", start, s.opts.First)
	if s.rng.IntN(2) == 0 { // frames are appended meanwhile
		if err := s.appendSome(1 + s.rng.IntN(6)); err != nil {
			return err
		}
		if err := s.log.WaitSynced(s.log.Tail()); err != nil {
			return err
		}
		s.ackSynced(s.log.Tail())
	}
	fails := s.rng.IntN(5) == 0
	want := 0
	for files[want].First < first.First {
		want++
	}
	n, err := s.log.TruncateFront(first.First, func(f File) error {
		if f != files[0] {
			return fmt.Errorf("asked to keep %v, the oldest is %v", f, files[0])
		}
		if files = files[1:]; fails && s.rng.IntN(2) == 0 {
			return errKeep
		}
		return s.kept(f)
	})
	s.tally.freed += n
	s.note("freed %d files: %v", n, err)
	switch {
	case errors.Is(err, errKeep):
	case err != nil:
		return err
	case n != want:
		return fmt.Errorf("%d files freed, want %d", n, want)
	}
	return nil
}

// kept holds a file that is to be archived to have all its frames.
func (s *simulation) kept(f File) error {
	b, err := vfs.ReadFile(s.fs, f.Name)
	if err != nil {
		return err
	}
	h, ok, err := decodeHeader(b, f.Name)
	if err != nil || !ok || h.first != f.First {
		return fmt.Errorf("%v has the header %v, %v", f, h, err)
	}
	for _, e := range s.old {
		if e.span.Start < f.First || e.span.End > f.End {
			continue
		}
		at := b[HeaderSize+e.span.Start-f.First:]
		if !bytes.Contains(at[:e.span.End-e.span.Start], e.payload) {
			return fmt.Errorf("%v does not have %v", f, e)
		}
		s.tally.kept++
	}
	return nil
}

// readOld reads frames from before the checkpoint: they are there, or in a
// file that was freed.
func (s *simulation) readOld(r *Reader) error {
	oldest := s.log.Stats().Oldest
	for i := 0; i < len(s.old); i += 1 + s.rng.IntN(20) {
		e := s.old[i]
		_, p, err := r.Frame(e.span.Start)
		switch {
		case err == nil && bytes.Equal(p, e.payload):
		case errors.Is(err, ErrTruncated) && e.span.Start < oldest:
		default:
			return fmt.Errorf("read of the old %v: %w", e, err)
		}
	}
	return nil
}

// finish checks that the files reported finished are complete, in order, and reported
// once.
func (s *simulation) finish(f File) {
	if f.Index <= s.finished {
		panic(fmt.Sprintf("file %d finished after %d", f.Index, s.finished))
	}
	s.finished = f.Index
}

// tidy holds the directory of a log just opened to have no other files than
// those in use.
func (s *simulation) tidy() error {
	names, err := s.fs.List(s.opts.Dir)
	if err != nil {
		return err
	}
	for _, f := range s.log.Files() {
		if len(names) == 0 || names[0] != f.Name {
			return fmt.Errorf("file %v is not there: %s", f, names)
		}
		names = names[1:]
	}
	if len(names) > 0 {
		return fmt.Errorf("not cleared away: %s", strings.Join(names, " "))
	}
	return nil
}
