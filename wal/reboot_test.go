package wal

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"

	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// reopen closes the log in good order and boots it again.
func (s *simulation) reopen() error {
	s.note("close")
	log := s.log
	s.log = nil
	s.tally.recycled += int(log.Stats().Recycled)
	if err := log.Close(); err != nil {
		return err
	}
	s.ackSynced(log.mu.tail)
	return s.boot()
}

// restart ends the process, or the power with it, and boots the log again.
func (s *simulation) restart(power bool) error {
	s.end(power)
	return s.boot()
}

func (s *simulation) end(power bool) {
	if s.log != nil {
		s.tally.recycled += int(s.log.Stats().Recycled)
		s.log = nil
	}
	s.syncFails = false
	switch {
	case power:
		s.note("power cut")
		s.tally.cuts++
		s.fs = s.fs.Crash(s.rng)
		s.intact = false
	case !s.intact && s.rng.IntN(2) == 0:
		s.note("kill, and the kernel needs memory")
		s.tally.reclaims++
		s.fs = s.fs.Kill()
		s.fs.Reclaim()
	default:
		s.note("kill")
		s.tally.kills++
		s.fs = s.fs.Kill()
		return
	}
	s.powerLost()
	if !s.settled {
		s.found, s.settled = -1, true
	}
}

// boot recovers the log, with recovery cut as often as it happens, until it is
// open.
func (s *simulation) boot() error {
	for {
		s.fs.CrashAfter(-1)
		if s.rng.IntN(3) == 0 {
			s.fs.CrashAfter(s.rng.IntN(14))
		}
		if s.rng.IntN(10) == 0 {
			s.failSync()
		}
		opened, err := s.recover()
		switch {
		case err == nil && opened:
			s.fs.CrashAfter(-1)
			s.found, s.settled, s.intact = -1, false, true
			return s.read()
		case err == nil: // recovered and left alone: recover again
		case errors.Is(err, crashfs.ErrCrashed) && s.fs.Crashed():
			s.tally.cutRecoveries++
			s.end(s.rng.IntN(2) == 0)
		case errors.Is(err, syscall.ENOSPC) && len(s.frames) == 0: // not even the first file
			s.fs.SetCapacity(0)
		case errors.Is(err, syscall.EIO) && s.syncFails:
			s.tally.cutRecoveries++
			s.note("recovery failed: %v", err)
			if failed := new(SyncError); errors.As(err, &failed) {
				s.intact = false
			}
			if s.rng.IntN(2) == 0 {
				s.end(s.rng.IntN(2) == 0)
			}
		default:
			return fmt.Errorf("recovery: %w", err)
		}
	}
}

// recover replays the log, checks what it finds, and opens it.
func (s *simulation) recover() (opened bool, err error) {
	s.opts.FS, s.finished, s.opts.Tail = s.fs, 0, TailPower
	if s.intact {
		s.opts.Tail = TailKill
	}
	r, err := Open(s.opts)
	if err != nil {
		return false, err
	}
	var got []entry
	tail, err := r.Run(func(f Frame) error {
		got = append(got, entry{Span{f.LSN, f.End}, f.Type, bytes.Clone(f.Payload)})
		return nil
	}, func(int64) {})
	if err != nil {
		return false, err
	}
	if err := salvagesSame(s.opts, got, tail.End); err != nil {
		return false, err
	}
	s.note("found %d frames, end %d, %d bytes behind it", len(got), tail.End, tail.Truncated)
	if err := s.check(got, tail.End); err != nil {
		return false, err
	}
	if s.found >= 0 && len(got) != s.found {
		return false, fmt.Errorf("found %d frames, the recovery before found %d", len(got), s.found)
	}
	s.found = len(got)
	s.tally.lost += len(s.frames) - len(got)
	if tail.Truncated > 0 {
		s.tally.torn++
		if s.opts.Tail == TailKill {
			s.tally.killTorn++
			s.fs.CrashAfter(s.rng.IntN(12)) // perhaps while it is cut
		}
	}
	s.keep(len(got))
	if s.rng.IntN(10) == 0 {
		return false, nil
	}
	if s.log, err = tail.Open(); err != nil {
		return false, err
	}
	s.ackSynced(tail.End)
	if s.opts.Begin > 0 {
		s.opts.Start, s.opts.Begin = s.opts.Begin, 0
		s.tally.begun++
	}
	if s.remembers {
		s.opts.Newest, s.opts.Synced = s.log.Newest(), tail.End
	}
	if err := s.tidy(); err != nil {
		return false, err
	}
	s.note("opened")
	return true, nil
}
