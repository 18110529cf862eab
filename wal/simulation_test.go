package wal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"

	"github.com/e6e95bb8/topics/wal/frame"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// simulation is one random life of a log: appends, waits, restarts, kills,
// power cuts and failed syncs, in one goroutine and out of one seed.
type simulation struct {
	seed uint64
	rng  *rand.Rand
	fs   *crashfs.FS
	opts Options
	log  *Log
	history
	tally tally

	size      int    // payload bytes of every frame; 0: mixed; 1: to the end of the sector
	remembers bool   // Options.Synced and Newest are kept, as by a manifest
	syncFails bool   // a failing sync was asked for in this boot
	made      uint64 // payloads so far
	finished  uint64 // index of the last file that Finished was called for in this boot
	// intact: the log was opened since the last power cut, and no sync of it
	// has failed since. The next end by a kill is one of TailKill then.
	intact bool

	// What the recoveries since the last open log found, -1 before the first.
	// It is what every later one must find.
	found   int
	settled bool // and nothing was unsynced when they began: a power cut too finds it
	trace   []string
}

func newSimulation(seed uint64) *simulation {
	rng := rand.New(rand.NewPCG(seed, 7))
	s := &simulation{seed: seed, rng: rng, fs: crashfs.New(), found: -1}
	s.opts = Options{
		LogID:     1 + rng.Uint64()>>1,
		Dir:       ".",
		FileBytes: 512 << rng.IntN(6),
		Manual:    true,
		InUse:     s.inUse,
		Finished:  s.finish,
	}
	if rng.IntN(4) == 0 { // a log that begins where another one ended
		s.opts.First, s.opts.Begin = 1+rng.Uint64N(20), LSN(frame.Align*(1+rng.IntN(5000)))
		s.start = s.opts.Begin
	}
	s.opts.QueueBytes = s.opts.FileBytes/2 + rng.Int64N(4*s.opts.FileBytes)
	s.opts.CacheBytes = rng.Int64N(2 * s.opts.FileBytes)
	// Frames of one size, sector-aligned or not, put every position where one
	// stood before: stale frames have the best chance to be taken for new ones.
	if rng.IntN(3) > 0 {
		s.size = []int{1, 1, 32, 96, 480, 512 - 8, 224}[rng.IntN(7)]
	}
	s.remembers = rng.IntN(2) == 0
	return s
}

func (s *simulation) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

// live runs the life and ends it with a recovery.
func (s *simulation) live() error {
	err := s.boot()
	for n := 10 + s.rng.IntN(80); n > 0 && err == nil; n-- {
		err = s.step()
	}
	if err == nil {
		err = s.restart(s.rng.IntN(2) == 0)
	}
	if err != nil {
		return fmt.Errorf("seed %d, after %d steps: %w", s.seed, len(s.trace), err)
	}
	return nil
}

func (s *simulation) step() error {
	err := s.act()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrDiskFull):
		s.note("disk full")
		s.tally.fulls++
		return nil
	case errors.Is(err, ErrNoFile) && errors.Is(err, syscall.EIO) && s.syncFails:
		s.note("no next file")
		s.tally.noFiles++
		if st := s.log.Stats(); st.ReadOnly {
			return fmt.Errorf("after a file that could not be made: %+v", st)
		}
		return nil
	case errors.Is(err, crashfs.ErrCrashed) && s.fs.Crashed():
		return s.restart(s.rng.IntN(2) == 0)
	case errors.Is(err, syscall.EIO) && s.syncFails:
		s.tally.failedSyncs++
		s.intact = false
		if s.log != nil {
			if err := s.readOnly(); err != nil {
				return err
			}
		}
		return s.restart(s.rng.IntN(3) == 0)
	}
	return err
}

// act does one thing to the open log.
func (s *simulation) act() error {
	switch p := s.rng.IntN(100); {
	case p < 45:
		return s.appendSome(1 + s.rng.IntN(6))
	case p < 60:
		upto := s.somewhere()
		s.note("wait written %d", upto)
		err := s.log.WaitWritten(upto)
		if err == nil {
			s.ackWritten(upto)
		}
		return err
	case p < 75:
		upto := s.somewhere()
		s.note("wait synced %d", upto)
		err := s.log.WaitSynced(upto)
		if err == nil {
			s.ackSynced(upto)
		}
		return err
	case p < 79:
		s.note("tick")
		_, err := s.log.Tick()
		return err
	case p < 80:
		return s.rotate()
	case p < 81:
		return s.limit()
	case p < 84:
		return s.release()
	case p < 87:
		return s.read()
	case p < 90:
		return s.reopen()
	case p < 93:
		return s.restart(false)
	case p < 96:
		return s.restart(true)
	case p < 98:
		n := s.rng.IntN(20)
		s.note("cut after %d more operations", n)
		s.fs.CrashAfter(n)
		return nil
	default:
		s.failSync()
		return nil
	}
}

func (s *simulation) failSync() {
	n, pattern := 1+s.rng.IntN(3), "*"+fileSuffix
	if s.rng.IntN(5) == 0 {
		pattern = "*" + oldSuffix
	}
	s.note("sync %d of %s from now fails", n, pattern)
	s.fs.FailSync(pattern, n)
	s.syncFails = true
}

// limit gives the disk little room, or room again.
func (s *simulation) limit() error {
	free, total, err := s.fs.Free(s.opts.Dir)
	if err != nil {
		return err
	}
	var capacity int64
	if s.rng.IntN(3) > 0 {
		capacity = max(1, int64(total-free)+s.rng.Int64N(3*s.opts.FileBytes))
	}
	s.note("disk of %d bytes, %d in use", capacity, total-free)
	s.fs.SetCapacity(capacity)
	return nil
}

// rotate rotates, and perhaps removes the freed file. All before the new file is
// synced then.
func (s *simulation) rotate() error {
	tail := s.log.Tail()
	s.note("rotate at %d", tail)
	s.rotated++
	first, err := s.log.Rotate(context.Background())
	if err != nil {
		return err
	}
	s.ackSynced(tail)
	files := s.log.Files()
	if last := files[len(files)-1]; first != tail || last.First != first || s.log.Synced() <= first {
		return fmt.Errorf("rotated at %d to a file that begins at %d, and the last one in use is %+v", tail, first, last)
	}
	s.tally.rotated++
	if s.rng.IntN(2) == 0 {
		return s.log.RemoveFreed()
	}
	return nil
}

// somewhere is a position to wait for.
func (s *simulation) somewhere() LSN {
	if len(s.frames) == 0 {
		return 0
	}
	return s.frames[len(s.frames)-1-min(s.rng.IntN(6)/2, len(s.frames)-1)].span.End
}

func (s *simulation) appendSome(n int) error {
	for range n {
		typ, p := byte(1+s.rng.IntN(5)), s.payload()
		room, err := s.log.Reserve(context.Background(), len(p), Patient)
		if err != nil {
			return err
		}
		cut := s.rng.IntN(len(p) + 1)
		span, err := room.Append(typ, p[:cut], p[cut:])
		if err != nil {
			return fmt.Errorf("append of what was reserved: %w", err)
		}
		s.frames = append(s.frames, entry{span, typ, p})
		s.tally.frames++
		s.note("append %d to %d", span.Start, span.End)
	}
	return nil
}

// payload is one that was never there before, if it is 8 bytes or more.
func (s *simulation) payload() []byte {
	size := s.size
	switch size {
	case 1:
		size = int(512-s.log.mu.cur.offset(s.log.mu.tail)%512) - frame.HeaderSize
		if size < 8 {
			size += 512
		}
	case 0:
		size = []int{s.rng.IntN(64), s.rng.IntN(700), s.rng.IntN(int(s.opts.FileBytes)), s.rng.IntN(3 * int(s.opts.FileBytes))}[min(3, s.rng.IntN(12)/3)]
		if size > 64<<10 {
			size = 64 << 10
		}
	}
	s.made++
	p := binary.LittleEndian.AppendUint64(make([]byte, 0, size+8), s.made)
	for len(p) < size {
		p = append(p, byte(s.made)|1)
	}
	return p[:size]
}

func (s *simulation) read() error {
	r := s.log.NewReader()
	if err := s.readOld(r); err != nil || len(s.frames) == 0 {
		return err
	}
	for i := s.rng.IntN(len(s.frames)); i < len(s.frames); i += 1 + s.rng.IntN(3) {
		_, p, err := r.Frame(s.frames[i].span.Start)
		if err != nil {
			return err
		}
		if !bytes.Equal(p, s.frames[i].payload) {
			return fmt.Errorf("read something else than %v", s.frames[i])
		}
	}
	return nil
}

// readOnly holds a failed log to refuse everything but reads.
func (s *simulation) readOnly() error {
	s.note("failed: %v", s.log.Stats().Err)
	if _, err := s.log.Reserve(context.Background(), 8, Freeing|Patient); !errors.Is(err, ErrReadOnly) {
		return fmt.Errorf("failed log reserves: %v", err)
	}
	if _, err := s.log.TryAppend(Freeing, 1, nil, nil); !errors.Is(err, ErrReadOnly) {
		return fmt.Errorf("failed log appends: %v", err)
	}
	if err := s.log.WaitSynced(s.log.mu.tail); err == nil && s.log.mu.sync.done < s.log.mu.tail {
		return errors.New("failed log acknowledges what was not synced")
	}
	return s.read()
}

func (s *simulation) inUse(newest uint64, synced LSN) {
	s.tally.rotations++
	if s.remembers {
		s.opts.Newest, s.opts.Synced = newest, synced
	}
}
