package recovery

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Reclaim gives back the space of records that are gone: it merges segments
// until what they hold is mostly alive and they are not too many.
//
// It leaves out only what was dead at the oldest checkpoint that recovery may
// begin from, and touches only segments that that checkpoint has: so every
// checkpoint in the manifest finds in the segments whatever its log still
// speaks of.
//
// Segments in the cold directory are merged only with each other, so that those
// in the data directory never wait for it.
func (r *Recovered) Reclaim(ctx context.Context) error {
	if err := r.reclaimHot(ctx); err != nil {
		return err
	}
	return r.reclaimCold(ctx)
}

func (r *Recovered) reclaimHot(ctx context.Context) error {
	r.hotWork.Lock()
	defer r.hotWork.Unlock()
	return r.reclaim(ctx, hot)
}

func (r *Recovered) reclaimCold(ctx context.Context) error {
	if r.opts.Storage.ColdDir == "" {
		return nil
	}
	r.coldWork.Lock()
	defer r.coldWork.Unlock()
	if r.retryClaim() != nil {
		return nil // what is merged could not be moved there; Cool reports why
	}
	return r.reclaim(ctx, cold)
}

// place is where the data of segments is.
type place bool

const (
	hot  place = false // the data directory
	cold place = true  // the cold directory
)

// reclaim merges segments of one place. The lock of its work is held.
func (r *Recovered) reclaim(ctx context.Context, at place) error {
	for {
		done, err := r.reclaimOnce(ctx, at)
		if err != nil {
			r.counters.failed(err)
			return fmt.Errorf("reclaim: %w", err)
		}
		if done {
			return nil
		}
	}
}

// reclaimOnce merges one run of segments, if there is one worth it.
func (r *Recovered) reclaimOnce(ctx context.Context, at place) (done bool, err error) {
	segs, live := r.mergeable()
	if len(segs) == 0 {
		return true, nil
	}
	fills := make([]fill, len(segs))
	for i, s := range segs {
		if fills[i], err = fillOf(s, live); err != nil {
			return false, err
		}
	}
	r.exclude(fills, segs, at)
	from, to := choose(fills, &r.opts.Storage, r.mergeRoom())
	if from == to {
		return true, nil
	}
	run := segs[from:to]
	if !r.claimAll(run, at) {
		return false, nil // somebody has come in between: look again
	}
	defer r.unclaim(run...)
	if at == hot {
		return false, r.merge(ctx, run, live)
	}
	r.far.step()
	err = r.merge(ctx, run, live)
	r.far.end(err)
	return false, err
}

// mergeable returns the segments that the oldest checkpoint has, in order, and
// what was live at it. There are none until it is one of this life.
func (r *Recovered) mergeable() (segs []*segment.Segment, live topics.Liveness) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.liveBefore == nil {
		return nil, nil
	}
	for _, s := range r.segments {
		if _, ok := r.manifest.OldestCheckpoint().Segment(s.ID()); ok {
			segs = append(segs, s)
		}
	}
	return segs, r.liveBefore
}

// exclude marks the segments that are not to be merged at that place now, and
// those that need not be.
func (r *Recovered) exclude(fills []fill, segs []*segment.Segment, at place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range segs {
		_, busy := r.claimed[s]
		fills[i].other = busy || place(s.Cold()) != at
		fills[i].full = r.full[s.ID()]
	}
}

// fill is how much of a segment is alive.
type fill struct {
	size    int64 // bytes of data and index
	records int64
	live    float64 // fraction of the payload
	full    bool    // a merge that made it did not get by with fewer
	other   bool    // it is another's to work on
}

// alive is how many bytes of the segment are alive.
func (f *fill) alive() float64 { return f.live * float64(f.size) }

// dead reports whether it can go without a merge.
func (f *fill) dead() bool { return f.live == 0 && !f.other }

func alive(fills []fill) (sum float64) {
	for i := range fills {
		sum += fills[i].alive()
	}
	return sum
}

// fillOf estimates it by the extents: those cut by a topic's first live seq or
// by deletes count in proportion.
func fillOf(s *segment.Segment, live topics.Liveness) (fill, error) {
	var bytes float64
	err := s.Extents(func(e segment.Extent) error {
		bytes += live.Fraction(&e) * float64(e.Bytes)
		return nil
	})
	f := fill{size: s.DataBytes() + s.IndexBytes(), records: s.Records()}
	if s.Bytes() > 0 {
		f.live = bytes / float64(s.Bytes())
	}
	return f, err
}

// merge replaces segments by what is alive in them.
func (r *Recovered) merge(ctx context.Context, gone []*segment.Segment, live topics.Liveness) error {
	from := place(gone[0].Cold())
	pace := r.unhurried(ctx)
	if from == cold {
		pace = r.far.pace(pace)
	}
	var read, wrote int64
	for _, s := range gone {
		if !s.Retain() {
			return errStopped
		}
		defer s.Release()
		read += s.DataBytes() + s.IndexBytes()
	}
	create := func() (*segment.Writer, error) {
		return segment.Create(r.opts.FS, r.dir(manifest.SegmentDir), r.newSegment(), r.Log.ID())
	}
	limits := segment.Limits{Bytes: r.opts.Storage.SegmentBytes, Records: r.opts.Storage.SegmentRecords}
	outputs, err := segment.Merge(gone, live, create, limits, pace, nil)
	if err != nil {
		return err
	}
	with, err := r.openSegments(refs(outputs), r.Log.ID())
	for _, s := range with {
		wrote += s.DataBytes() + s.IndexBytes()
	}
	if err == nil {
		err = r.swap(ctx, gone, with)
	}
	if err != nil {
		closeAll(with)
		r.work.Lock()
		r.remove(err, r.segmentFiles(outputs))
		r.work.Unlock()
		return err
	}
	r.counters.merged(read, wrote)
	r.work.Lock()
	err = r.discard()
	r.work.Unlock()
	if err != nil {
		return err
	}
	if from == cold {
		r.dropRetired()
	}
	r.mu.Lock()
	for _, s := range gone {
		delete(r.full, s.ID())
	}
	if 2*len(with) > len(gone) {
		for _, s := range with {
			r.full[s.ID()] = true
		}
	}
	r.mu.Unlock()
	if from == cold {
		for _, s := range with {
			if err := r.relocate(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// swap puts segments in the place of others, in the manifest and in the topics.
// After an error they are in none, or, if that is uncertain, perhaps in the
// manifest.
func (r *Recovered) swap(ctx context.Context, gone, with []*segment.Segment) error {
	r.work.Lock()
	defer r.work.Unlock()
	if err := ctx.Err(); err != nil {
		return err // it may have hung until after the end
	}
	ids := make([]uint64, len(gone))
	for i, s := range gone {
		ids[i] = s.ID()
	}
	by := make([]manifest.SegmentRef, len(with))
	for i, s := range with {
		by[i].ID = s.ID()
	}
	tables, err := topics.ReadTables(with)
	if err != nil {
		return err
	}
	err = r.commit(func(m *manifest.Manifest) {
		m.Checkpoint, m.Previous = m.Checkpoint.With(ids, by), m.Previous.With(ids, by)
	})
	if err != nil {
		return err
	}
	r.Registry.Replace(gone, tables)
	r.mu.Lock()
	at := slices.Index(r.segments, gone[0])
	r.segments = slices.Concat(r.segments[:at], with, r.segments[at+len(gone):])
	r.mu.Unlock()
	for _, s := range gone {
		r.garbage = append(r.garbage, path.Join(r.dir(manifest.SegmentDir), segment.IndexName(s.ID())))
		if data := segment.DataName(s.ID()); s.Cold() {
			r.retired = append(r.retired, path.Join(r.opts.Storage.ColdDir, data))
		} else {
			r.garbage = append(r.garbage, path.Join(r.dir(manifest.SegmentDir), data))
		}
		s.Release()
	}
	return nil
}

// Of all that segments hold at least this fraction is alive, or the worst are
// merged: with what the next merge copies, the disk never holds twice what is
// alive. A segment that is almost full of life is never worth it.
const (
	fullEnough     = 0.65
	worthRewriting = 0.9
	// tierWidth segments of about one size side by side become one.
	tierWidth = 8
)

// outputs estimates how many segments a merge would make.
func outputs(fills []fill, o *StorageOptions) int {
	var records float64
	for _, f := range fills {
		records += f.live * float64(f.records)
	}
	return 1 + int(max(alive(fills)/float64(o.SegmentBytes), records/float64(o.SegmentRecords)))
}

// choose picks the run of segments to merge next, of which at most room bytes
// are alive; from == to: none. What it picks comes out smaller or in fewer
// pieces, so that it has an end.
func choose(fills []fill, o *StorageOptions, room float64) (from, to int) {
	most := o.SegmentBytes
	// What is all dead goes at once, and costs nothing.
	for i := range fills {
		if fills[i].dead() {
			for to = i + 1; to < len(fills) && fills[to].dead(); to++ {
			}
			return i, to
		}
	}
	// Small ones side by side become one, so that their number grows with
	// the logarithm of the data.
	for limit := max(most/512, 1); limit <= most/2; limit *= 4 {
		for i := 0; i < len(fills); i = to + 1 {
			for to = i; to < len(fills) && fills[to].size <= limit && !fills[to].full && !fills[to].other; to++ {
			}
			if to-i >= tierWidth && outputs(fills[i:to], o) <= (to-i)/2 && alive(fills[i:to]) <= room {
				return i, to
			}
		}
	}
	var total, living float64
	worst := -1
	for i, f := range fills {
		if f.other {
			continue
		}
		total += float64(f.size)
		living += f.alive()
		if f.live < worthRewriting && f.alive() <= room && (worst < 0 || f.live < fills[worst].live) {
			worst = i
		}
	}
	if worst < 0 || living >= fullEnough*total {
		return 0, 0
	}
	// Its neighbours come along while the result stays one segment.
	from, to = worst, worst+1
	size := fills[worst].alive()
	for to < len(fills) && !fills[to].other && fills[to].live < worthRewriting && size+fills[to].alive() <= min(float64(most), room) {
		size += fills[to].alive()
		to++
	}
	return from, to
}
