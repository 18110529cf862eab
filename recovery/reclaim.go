package recovery

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

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
func (r *Recovered) Reclaim(ctx context.Context) error {
	r.upkeep.Lock()
	defer r.upkeep.Unlock()
	for {
		done, err := r.reclaimOnce(ctx)
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
func (r *Recovered) reclaimOnce(ctx context.Context) (done bool, err error) {
	segs, live := r.mergeable()
	if len(segs) == 0 {
		return true, nil
	}
	fills := make([]fill, len(segs))
	for i, s := range segs {
		if fills[i], err = fillOf(s, live); err != nil {
			return false, err
		}
		fills[i].full = r.full[s.ID()]
	}
	from, to := choose(fills, &r.opts.Storage)
	if from == to {
		return true, nil
	}
	return false, r.merge(ctx, segs[from:to], live)
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
		if _, ok := r.manifest.oldest().segment(s.ID()); ok {
			segs = append(segs, s)
		}
	}
	return segs, r.liveBefore
}

// fill is how much of a segment is alive.
type fill struct {
	size    int64 // bytes of data and index
	records int64
	live    float64 // fraction of the payload
	full    bool    // a merge that made it did not get by with fewer
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
	var cold = true // goes where all of it was
	var read, wrote int64
	for _, s := range gone {
		cold = cold && s.Cold()
		read += s.DataBytes() + s.IndexBytes()
	}
	create := func() (*segment.Writer, error) {
		return segment.Create(r.opts.FS, r.dir(segmentDir), r.newSegment(), r.Log.ID())
	}
	limits := segment.Limits{Bytes: r.opts.Storage.SegmentBytes, Records: r.opts.Storage.SegmentRecords}
	outputs, err := segment.Merge(gone, live, create, limits, r.unhurried(ctx), nil)
	if err != nil {
		return err
	}
	with, err := r.openSegments(refs(outputs), r.Log.ID())
	if err != nil {
		return errors.Join(err, r.dropSegments(nil, outputs))
	}
	for _, s := range with {
		wrote += s.DataBytes() + s.IndexBytes()
	}
	if err := r.swap(gone, with); err != nil {
		if errors.Is(err, errUncertain) {
			closeAll(with) // the next start knows whether they are in use
			return err
		}
		return errors.Join(err, r.dropSegments(with, outputs))
	}
	r.counters.merged(read, wrote)
	r.work.Lock()
	err = r.discard()
	r.work.Unlock()
	if err != nil {
		return err
	}
	r.dropRetired()
	for _, s := range gone {
		delete(r.full, s.ID())
	}
	if 2*len(with) > len(gone) {
		for _, s := range with {
			r.full[s.ID()] = true
		}
	}
	if cold && r.opts.Storage.ColdDir != "" {
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
func (r *Recovered) swap(gone, with []*segment.Segment) error {
	r.work.Lock()
	defer r.work.Unlock()
	ids := make([]uint64, len(gone))
	for i, s := range gone {
		ids[i] = s.ID()
	}
	by := make([]SegmentRef, len(with))
	for i, s := range with {
		by[i].ID = s.ID()
	}
	tables, err := topics.ReadTables(with)
	if err != nil {
		return err
	}
	err = r.commit(func(m *Manifest) {
		m.Checkpoint, m.Previous = m.Checkpoint.with(ids, by), m.Previous.with(ids, by)
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
		r.garbage = append(r.garbage, path.Join(r.dir(segmentDir), segment.IndexName(s.ID())))
		if data := segment.DataName(s.ID()); s.Cold() {
			r.retired = append(r.retired, path.Join(r.opts.Storage.ColdDir, data))
		} else {
			r.garbage = append(r.garbage, path.Join(r.dir(segmentDir), data))
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
	var bytes, records float64
	for _, f := range fills {
		bytes += f.live * float64(f.size)
		records += f.live * float64(f.records)
	}
	return 1 + int(max(bytes/float64(o.SegmentBytes), records/float64(o.SegmentRecords)))
}

// choose picks the run of segments to merge next; from == to: none. What it
// picks comes out smaller or in fewer pieces, so that it has an end.
func choose(fills []fill, o *StorageOptions) (from, to int) {
	most := o.SegmentBytes
	// What is all dead goes at once, and costs nothing.
	for i := range fills {
		if fills[i].live == 0 {
			for to = i + 1; to < len(fills) && fills[to].live == 0; to++ {
			}
			return i, to
		}
	}
	// Small ones side by side become one, so that their number grows with
	// the logarithm of the data.
	for limit := max(most/512, 1); limit <= most/2; limit *= 4 {
		for i := 0; i < len(fills); i = to + 1 {
			for to = i; to < len(fills) && fills[to].size <= limit && !fills[to].full; to++ {
			}
			if to-i >= tierWidth && outputs(fills[i:to], o) <= (to-i)/2 {
				return i, to
			}
		}
	}
	var total, alive float64
	worst := -1
	for i, f := range fills {
		total += float64(f.size)
		alive += f.live * float64(f.size)
		if f.live < worthRewriting && (worst < 0 || f.live < fills[worst].live) {
			worst = i
		}
	}
	if worst < 0 || alive >= fullEnough*total {
		return 0, 0
	}
	// Its neighbours come along while the result stays one segment.
	from, to = worst, worst+1
	size := fills[worst].live * float64(fills[worst].size)
	for to < len(fills) && fills[to].live < worthRewriting && size+fills[to].live*float64(fills[to].size) <= float64(most) {
		size += fills[to].live * float64(fills[to].size)
		to++
	}
	return from, to
}
