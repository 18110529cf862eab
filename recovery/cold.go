package recovery

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/e6e95bb8/topics/topics/segment"
)

// Cool moves the data of old segments to the cold directory, if there is one.
// Their indexes stay, so that only reads of old records ever wait for it.
func (r *Recovered) Cool(ctx context.Context) error {
	if r.opts.Storage.ColdDir == "" {
		return nil
	}
	r.upkeep.Lock()
	defer r.upkeep.Unlock()
	for _, s := range r.old() {
		if err := r.relocate(ctx, s); err != nil {
			r.counters.failed(err)
			return fmt.Errorf("moving segment %016x to the cold directory: %w", s.ID(), err)
		}
	}
	return nil
}

// old returns the segments that are hot and need not be, oldest first.
func (r *Recovered) old() (segs []*segment.Segment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := &r.opts.Storage
	var bytes int64
	hot := len(r.segments)
	for n := 1; n <= len(r.segments); n++ {
		s := r.segments[len(r.segments)-n]
		if bytes += s.DataBytes(); n > o.HotSegments || o.HotBytes > 0 && bytes > o.HotBytes {
			break
		}
		hot--
	}
	for _, s := range r.segments[:hot] {
		if !s.Cold() {
			segs = append(segs, s)
		}
	}
	return segs
}

// relocate moves one segment's data: the copy is durable before the manifest
// names it, and the manifest before the original goes. r.upkeep is held.
func (r *Recovered) relocate(ctx context.Context, s *segment.Segment) error {
	if err := r.pause(ctx); err != nil {
		return err
	}
	hot, cold := r.dir(segmentDir), r.opts.Storage.ColdDir
	if err := r.opts.FS.MkdirAll(cold); err != nil {
		return err
	}
	if err := segment.CopyData(r.opts.FS, hot, cold, s.ID()); err != nil {
		return err
	}
	r.work.Lock()
	defer r.work.Unlock()
	id := s.ID()
	if err := s.Relocate(cold); err != nil {
		return err
	}
	err := r.commit(func(m *Manifest) {
		by := []SegmentRef{{ID: id, Cold: true}}
		m.Checkpoint, m.Previous = m.Checkpoint.with([]uint64{id}, by), m.Previous.with([]uint64{id}, by)
	})
	if err != nil { // nobody knows which one a restart takes: both stay
		return errors.Join(err, s.Relocate(hot))
	}
	r.garbage = append(r.garbage, path.Join(hot, segment.DataName(id)))
	r.counters.mu.Lock()
	r.counters.relocated++
	r.counters.mu.Unlock()
	return r.discard()
}
