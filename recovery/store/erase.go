package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// Erasure is the receipt of an erasure. Records that were deleted, evicted or
// expired before Started, and those of topics deleted before, are in no log file,
// checkpoint or segment any more, in the data directory and the cold directory.
type Erasure struct {
	Started    time.Time `json:"started_at"`
	Finished   time.Time `json:"finished_at"`
	DurationMS float64   `json:"duration_ms"`

	Checkpoint uint64  `json:"checkpoint"`         // recovery begins there at the earliest
	FirstLSN   wal.LSN `json:"first_lsn"`          // where the oldest log file begins that is left
	FirstFile  string  `json:"first_file"`         // the base name of that file
	Checked    int     `json:"segments_checked"`   // segments that were looked through
	Rewritten  int     `json:"segments_rewritten"` // of these, with dead records and others
	Removed    int     `json:"segments_removed"`   // of these, with nothing but dead records
	Records    int64   `json:"records_erased"`     // from segments; those that were only in the log are not counted
	ReadBytes  int64   `json:"bytes_read"`         // of segments that were rewritten or removed
	WroteBytes int64   `json:"bytes_written"`      // of what is in their place

	Elsewhere Elsewhere `json:"elsewhere"`
}

// Elsewhere is what may still have the records, and is the operator's.
type Elsewhere struct {
	ArchiveBefore string    `json:"archive_files_before,omitempty"` // archived log files before that name; empty if there is no archive
	BackupsBefore time.Time `json:"backups_begun_before"`
}

// Erase removes from the disk whatever was dead when it was called, however
// little that is, and returns when that is durable. Writers go on meanwhile, and
// requests have precedence. It needs room for a log file, for a checkpoint and
// for one segment more. Files that a backup holds or that are yet to be archived
// are waited for.
//
// One erasure runs at a time: ErrErasing is returned if there is one. A caller
// whose ctx ends stops waiting; the erasure goes on until it is done or the data
// directory is closed.
func (st *Store) Erase(ctx context.Context) (Erasure, error) {
	e, err := st.erasures.begin(st.opts.Now().UTC(), st.erase)
	if err != nil {
		return Erasure{}, err
	}
	select {
	case <-e.done:
		return e.result, e.err
	case <-ctx.Done():
		return Erasure{}, ctx.Err()
	}
}

// StartErasure begins an erasure and does not wait for it.
func (st *Store) StartErasure() error {
	_, err := st.erasures.begin(st.opts.Now().UTC(), st.erase)
	return err
}

// ErasureState returns how the erasure under way is doing, or how the last one
// ended.
func (st *Store) ErasureState() ErasureState { return st.erasures.state() }

// RoomError is the error of an erasure that has not enough free space.
type RoomError struct {
	For        string
	Need, Free int64 // bytes
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("%s needs %s, and %s are free: nothing is erased for want of room", e.For, health.Size(e.Need), health.Size(e.Free))
}

func (e *RoomError) Unwrap() error { return syscall.ENOSPC }

// erase is Erase in the goroutine of its own.
//
// It has the log continue in another file, and takes two checkpoints that begin
// there: what was dead before is then dead at both, so compaction may leave it
// out of every segment that the older one has; and no log file from before is
// needed. The segments that the newer one added never had it.
func (st *Store) erase(ctx context.Context, e *erasing) (Erasure, error) {
	out := Erasure{Started: e.started}
	begin, targets, err := st.leaveLog(ctx)
	if err != nil {
		return out, err
	}
	e.set(func(s *ErasureState) { s.Step, s.Segments = StepSegments, len(targets.segs) })
	for _, s := range targets.segs {
		if err := st.eraseFrom(ctx, s, targets.live, &out); err != nil {
			return out, err
		}
		out.Checked++
		e.set(func(s *ErasureState) { s.Checked++ })
	}
	e.set(func(s *ErasureState) { s.Step = StepFiles })
	r := st.newRemoval(begin)
	err = r.run(ctx, e.waits)
	if err != nil {
		return out, err
	}
	oldest := st.Log.Files()[0]
	out.FirstLSN, out.FirstFile = oldest.First, oldest.Name
	out.Checkpoint = st.current.get().OldestCheckpoint().Number
	out.Finished = st.opts.Now().UTC()
	out.DurationMS = float64(out.Finished.Sub(out.Started).Microseconds()) / 1000
	out.Elsewhere.BackupsBefore = out.Finished
	if st.archive.to != "" {
		out.Elsewhere.ArchiveBefore = oldest.Name
	}
	return out, nil
}

// erasable is the segments that may have dead records, and what was live at the
// older checkpoint. What was dead there stays dead for every later one.
type erasable struct {
	segs []*segment.Segment
	live index.Liveness
}

// leaveLog moves everything that is live from the log files of now to segments.
// It returns where the oldest log file begins that is needed from then on.
func (st *Store) leaveLog(ctx context.Context) (begin wal.LSN, targets erasable, err error) {
	if err := st.erasureRoom(); err != nil {
		return 0, targets, err
	}
	st.Registry.Expire()
	if begin, err = st.Log.Rotate(ctx); err != nil {
		return 0, targets, err
	}
	for range 2 {
		if _, err := st.Checkpoint(ctx); err != nil {
			return 0, targets, err
		}
	}
	targets, err = st.erasable()
	return begin, targets, err
}

// erasable returns the segments that may have dead records. Compactions that went
// by what was live at an earlier checkpoint have ended by then: what they leave
// is among the segments.
func (st *Store) erasable() (out erasable, err error) {
	if st.cold.dir != "" {
		st.cold.work.Lock()
		defer st.cold.work.Unlock()
	}
	st.compaction.Lock()
	defer st.compaction.Unlock()
	st.work.Lock() // no checkpoint is about to end
	defer st.work.Unlock()
	if out.segs, out.live = st.segments.compactable(st.current); out.live == nil {
		return out, errors.New("what was live at the older checkpoint is not known")
	}
	return out, nil
}

// erasureRoom returns a *RoomError unless there is room for what an erasure
// writes beside a segment: a log file, and the checkpoints.
func (st *Store) erasureRoom() error {
	free, total, err := st.opts.FS.Free(st.opts.Dir)
	if err != nil {
		return nil // the first write shows it
	}
	file := st.opts.WAL.FileBytes
	need := file + st.headroom(st.Log.Tail(), total)
	if free < uint64(need) {
		return &RoomError{For: "a log file, with the checkpoint after it and one segment,", Need: need, Free: int64(min(free, math.MaxInt64))}
	}
	return nil
}

// eraseFrom rewrites a segment if it has dead records.
func (st *Store) eraseFrom(ctx context.Context, s *segment.Segment, live index.Liveness, out *Erasure) error {
	// A segment that has been replaced was compacted by what was live at the older
	// checkpoint or later, and what is in its place has nothing that was dead then.
	if has, err := st.segments.claim(ctx, s); !has || err != nil {
		return err
	}
	defer st.segments.unclaim(s)
	if !s.Retain() {
		return errStopped
	}
	defer s.Release()
	dead, err := st.hasDead(ctx, s, live)
	if err != nil || !dead {
		return err
	}
	c := compaction{st: st, in: tierOf(s), inputs: []*segment.Segment{s}, live: live, whole: true}
	if err := st.rewrite(ctx, &c); err != nil {
		return fmt.Errorf("erasing from segment %016x: %w", s.ID(), err)
	}
	out.Rewritten++
	if len(c.outputs) == 0 {
		out.Rewritten--
		out.Removed++
	}
	out.Records += s.Records()
	out.ReadBytes += s.DataBytes() + s.IndexBytes()
	for _, by := range c.outputs {
		out.Records -= by.Records()
		out.WroteBytes += by.DataBytes() + by.IndexBytes()
	}
	return nil
}

// hasDead reports whether a segment has dead records.
func (st *Store) hasDead(ctx context.Context, s *segment.Segment, live index.Liveness) (bool, error) {
	defer st.buffers.hold(inputBytes)()
	return s.HasDead(ctx, live, st.idlePace(ctx))
}

// rewrite runs a compaction of one claimed segment, with the lock of the work on
// its tier.
func (st *Store) rewrite(ctx context.Context, c *compaction) error {
	if c.in == cold {
		st.cold.work.Lock()
		defer st.cold.work.Unlock()
		if err := st.cold.claimOnce(); err != nil {
			return err
		}
	} else {
		st.compaction.Lock()
		defer st.compaction.Unlock()
	}
	s := c.inputs[0]
	need := float64(s.DataBytes() + s.IndexBytes())
	if room := st.compactionRoom(); room < need {
		return &RoomError{For: "a copy of the segment without them", Need: int64(need), Free: int64(room)}
	}
	if c.in == hot {
		return c.run(ctx)
	}
	st.cold.remote.step()
	err := c.run(ctx)
	st.cold.remote.end(err)
	return err
}
