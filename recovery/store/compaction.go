package store

import (
	"context"
	"fmt"
	"path"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/segment"
)

// tier is where the data of a segment is. Its index is always in the data
// directory.
type tier bool

const (
	hot  tier = false // the data directory
	cold tier = true  // the cold directory
)

func tierOf(s *segment.Segment) tier { return tier(s.Cold()) }

// Compact frees the space of records that are gone: it merges segments until
// what they hold is mostly live and they are not too many.
//
// It leaves out only what was dead at the oldest checkpoint that recovery may
// begin from, and takes only segments that that checkpoint has. So each
// checkpoint in the manifest finds in the segments whatever the log after it
// refers to.
//
// Segments in the cold directory are merged only with each other, so that
// compaction of the data directory never waits for the cold one.
func (st *Store) Compact(ctx context.Context) error {
	if err := st.compactHot(ctx); err != nil {
		return err
	}
	return st.compactCold(ctx)
}

func (st *Store) compactHot(ctx context.Context) error {
	st.compaction.Lock()
	defer st.compaction.Unlock()
	return st.compactTierLocked(ctx, hot)
}

func (st *Store) compactCold(ctx context.Context) error {
	if st.cold.dir == "" {
		return nil
	}
	st.cold.work.Lock()
	defer st.cold.work.Unlock()
	if st.cold.claimOnce() != nil {
		return nil // the outputs could not be offloaded; Offload reports why
	}
	return st.compactTierLocked(ctx, cold)
}

// compactTierLocked compacts one tier. The caller holds the lock of the work on
// that tier.
func (st *Store) compactTierLocked(ctx context.Context, in tier) error {
	for {
		done, err := st.compactOnce(ctx, in)
		if err != nil {
			st.counters.failed(err)
			return fmt.Errorf("compaction: %w", err)
		}
		if done {
			return nil
		}
	}
}

// compactOnce compacts one run of segments. It returns true if none is worth it.
func (st *Store) compactOnce(ctx context.Context, in tier) (done bool, err error) {
	segs, live := st.segments.compactable(st.current)
	if len(segs) == 0 {
		return true, nil
	}
	candidates := make([]candidate, len(segs))
	for i, s := range segs {
		if candidates[i], err = newCandidate(s, live); err != nil {
			return false, err
		}
	}
	st.segments.mark(candidates, segs, in)
	from, to := pickCompaction(candidates, st.opts.Settings.Segment, st.compactionRoom(), st.buffers.inputs())
	if from == to {
		return true, nil
	}
	c := compaction{st: st, in: in, inputs: segs[from:to], live: live}
	if !st.segments.claimAll(c.inputs, in) {
		return false, nil // other work has begun on one of them: pick again
	}
	defer st.segments.unclaim(c.inputs...)
	if in == hot {
		return false, c.run(ctx)
	}
	st.cold.remote.step()
	err = c.run(ctx)
	st.cold.remote.end(err)
	return false, err
}

// compaction replaces a run of claimed segments of one tier by what is live in
// them.
type compaction struct {
	st      *Store
	in      tier
	inputs  []*segment.Segment
	live    index.Liveness
	whole   bool               // whatever is dead is to go, and not to make segments fewer
	outputs []*segment.Segment // open
}

func (c *compaction) run(ctx context.Context) error {
	var read int64
	for _, s := range c.inputs {
		if !s.Retain() {
			return errStopped
		}
		defer s.Release()
		read += s.DataBytes() + s.IndexBytes()
	}
	if err := c.write(ctx); err != nil {
		return err
	}
	var wrote int64
	for _, s := range c.outputs {
		wrote += s.DataBytes() + s.IndexBytes()
	}
	c.st.counters.compacted(read, wrote)
	if err := c.discard(); err != nil {
		return err
	}
	if c.in == cold {
		c.st.dropRetired()
	}
	if c.whole {
		c.st.segments.rewritten(c.inputs, c.outputs)
	} else {
		c.st.segments.compacted(c.inputs, c.outputs)
	}
	if c.in == hot {
		return nil
	}
	for _, s := range c.outputs {
		if err := c.st.offload(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// write writes the outputs and puts them in the place of the inputs. After an
// error it removes them.
func (c *compaction) write(ctx context.Context) error {
	st := c.st
	defer st.buffers.hold(int64(len(c.inputs))*inputBytes + outputBytes)()
	pace := st.idlePace(ctx)
	if c.in == cold {
		pace = st.cold.remote.pace(pace)
	}
	var begun []uint64
	create := func() (*segment.Writer, error) {
		id, w, err := st.createSegment()
		begun = append(begun, id)
		return w, err
	}
	ids, err := segment.Merge(c.inputs, c.live, create, st.opts.Settings.Segment, pace, nil)
	if err == nil {
		c.outputs, err = st.openSegments(refs(ids), st.Log.ID())
	}
	if err == nil {
		err = c.swap(ctx)
	}
	if err != nil {
		closeAll(c.outputs)
		st.work.Lock()
		defer st.work.Unlock()
		st.work.obsolete.undo(err, st.segmentFiles(begun))
	}
	return err
}

// discard removes the files of the inputs that are in the data directory.
func (c *compaction) discard() error {
	c.st.work.Lock()
	defer c.st.work.Unlock()
	return c.st.work.obsolete.discard()
}

// swap puts the outputs in the place of the inputs, in the manifest and then in
// the topics. After an error they are in neither, or, if that is errUncertain,
// perhaps in the manifest.
func (c *compaction) swap(ctx context.Context) error {
	st := c.st
	st.work.Lock()
	defer st.work.Unlock()
	if err := ctx.Err(); err != nil {
		return err // the disk may have hung until after Close
	}
	gone := make([]uint64, len(c.inputs))
	for i, s := range c.inputs {
		gone[i] = s.ID()
	}
	by := make([]uint64, len(c.outputs))
	for i, s := range c.outputs {
		by[i] = s.ID()
	}
	tables, err := index.ReadTables(c.outputs)
	if err != nil {
		return err
	}
	err = st.current.commit(func(m *manifest.Manifest) {
		m.Checkpoint, m.Previous = m.Checkpoint.With(gone, refs(by)), m.Previous.With(gone, refs(by))
	})
	if err != nil {
		return err
	}
	st.Registry.Replace(c.inputs, tables)
	st.segments.replace(c.inputs, c.outputs)
	obsolete, dir := &st.work.obsolete, st.dir(manifest.SegmentDir)
	for _, s := range c.inputs {
		obsolete.garbage = append(obsolete.garbage, path.Join(dir, segment.IndexName(s.ID())))
		if data := segment.DataName(s.ID()); s.Cold() {
			obsolete.retire(path.Join(st.cold.dir, data))
		} else {
			obsolete.garbage = append(obsolete.garbage, path.Join(dir, data))
		}
		s.Release()
	}
	return nil
}
