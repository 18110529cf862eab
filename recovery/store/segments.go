package store

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/segment"
)

// segmentSet is the open segments of a data directory, in the order of their
// seqs. One compaction, offload or scrub at a time claims a segment.
type segmentSet struct {
	mu struct {
		sync.Mutex
		list    []*segment.Segment
		claimed map[*segment.Segment]chan struct{} // closed when the claim ends
		dense   map[uint64]bool                    // ids of segments whose compaction did not make them fewer
		// live is what was live at the last checkpoint, liveBefore what was at
		// the one before. The manifest is ahead of them between its commit and
		// the end of a checkpoint.
		live, liveBefore liveAt
		lastID           uint64 // the highest id that a segment ever had
	}
}

// liveAt is what was live at a checkpoint. The zero liveAt is of none: that
// checkpoint was not taken since the start.
type liveAt struct {
	checkpoint uint64 // its number
	records    index.Liveness
}

func newSegmentSet(lastID uint64) *segmentSet {
	s := &segmentSet{}
	s.mu.claimed, s.mu.dense, s.mu.lastID = map[*segment.Segment]chan struct{}{}, map[uint64]bool{}, lastID
	return s
}

// restore makes the set the segments of the checkpoint that recovery began from.
func (s *segmentSet) restore(list []*segment.Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.list = list
}

// setLive sets what was live at the last checkpoint.
func (s *segmentSet) setLive(live liveAt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.live = live
}

// setLiveBefore sets what was live at the checkpoint before that.
func (s *segmentSet) setLiveBefore(live liveAt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.liveBefore = live
}

// take empties the set and returns what was in it.
func (s *segmentSet) take() []*segment.Segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.mu.list
	s.mu.list = nil
	return list
}

// all returns the segments, oldest first.
func (s *segmentSet) all() []*segment.Segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.list)
}

// newID returns an id that no segment ever had.
func (s *segmentSet) newID() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.lastID++
	return s.mu.lastID
}

// seen keeps newID above an id, and returns the highest id so far.
func (s *segmentSet) seen(id uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.lastID = max(s.mu.lastID, id)
	return s.mu.lastID
}

// checkpointed adds the segments of a checkpoint and what is live at it.
func (s *segmentSet) checkpointed(segs []*segment.Segment, live liveAt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.list = append(s.mu.list, segs...)
	s.mu.liveBefore, s.mu.live = s.mu.live, live
}

// replace puts segments in the place of others, which are next to each other.
func (s *segmentSet) replace(gone, by []*segment.Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.mu.list, gone[0])
	s.mu.list = slices.Concat(s.mu.list[:at], by, s.mu.list[at+len(gone):])
}

// compacted notes whether a compaction was worth it. If its outputs are more
// than half as many as its inputs they are dense: compacting them for their
// number alone would go on forever.
func (s *segmentSet) compacted(gone, by []*segment.Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range gone {
		delete(s.mu.dense, seg.ID())
	}
	if 2*len(by) > len(gone) {
		for _, seg := range by {
			s.mu.dense[seg.ID()] = true
		}
	}
}

// rewritten notes that segments took the place of others that were not compacted
// for their number: they are dense if one of these was.
func (s *segmentSet) rewritten(gone, by []*segment.Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dense := false
	for _, seg := range gone {
		dense = dense || s.mu.dense[seg.ID()]
		delete(s.mu.dense, seg.ID())
	}
	for _, seg := range by {
		if dense {
			s.mu.dense[seg.ID()] = true
		}
	}
}

// compactable returns the segments that the oldest checkpoint has, in order, and
// what was live at it. There are none until that checkpoint is one of this run,
// and none while a checkpoint is about to end: the oldest one of the manifest then
// has segments with topics of which the liveness before it knows nothing, and a
// compaction would leave them out as dead.
func (s *segmentSet) compactable(c *current) (segs []*segment.Segment, live index.Liveness) {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := c.get().OldestCheckpoint()
	if s.mu.liveBefore.records == nil || !oldest.Is(s.mu.liveBefore.checkpoint) {
		return nil, nil
	}
	for _, seg := range s.mu.list {
		if _, ok := oldest.Segment(seg.ID()); ok {
			segs = append(segs, seg)
		}
	}
	return segs, s.mu.liveBefore.records
}

// mark sets which candidates are not to be compacted in that tier now, and which
// need not be.
func (s *segmentSet) mark(candidates []candidate, segs []*segment.Segment, in tier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, seg := range segs {
		_, busy := s.mu.claimed[seg]
		candidates[i].excluded = busy || tierOf(seg) != in
		candidates[i].dense = s.mu.dense[seg.ID()]
	}
}

// claim waits until no other work is done on the segment, and keeps other work
// from it until unclaim. It returns false if the segment has been replaced.
func (s *segmentSet) claim(ctx context.Context, seg *segment.Segment) (bool, error) {
	for {
		s.mu.Lock()
		done, busy := s.mu.claimed[seg]
		has := slices.Contains(s.mu.list, seg)
		if has && !busy {
			s.mu.claimed[seg] = make(chan struct{})
		}
		s.mu.Unlock()
		if !has || !busy {
			return has, nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// claimAll claims segments of one tier. It returns false, and claims none, if
// one of them is claimed already or has left the tier.
func (s *segmentSet) claimAll(segs []*segment.Segment, in tier) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range segs {
		if _, busy := s.mu.claimed[seg]; busy || tierOf(seg) != in {
			return false
		}
	}
	for _, seg := range segs {
		s.mu.claimed[seg] = make(chan struct{})
	}
	return true
}

func (s *segmentSet) unclaim(segs ...*segment.Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range segs {
		close(s.mu.claimed[seg])
		delete(s.mu.claimed, seg)
	}
}

// openSegments opens segments in order.
func (st *Store) openSegments(list []manifest.SegmentRef, logID uint64) (segs []*segment.Segment, err error) {
	hot := st.dir(manifest.SegmentDir)
	for _, ref := range list {
		data := hot
		if ref.Cold {
			data = st.cold.dir
		}
		if data == "" {
			closeAll(segs)
			return nil, fmt.Errorf("segment %016x is in the cold directory, and none is configured", ref.ID)
		}
		s, err := segment.Open(st.opts.FS, hot, data, ref.ID, logID, st.cache)
		if err != nil {
			closeAll(segs)
			return nil, err
		}
		segs = append(segs, s)
	}
	return segs, nil
}

func refs(ids []uint64) []manifest.SegmentRef {
	out := make([]manifest.SegmentRef, len(ids))
	for i, id := range ids {
		out[i].ID = id
	}
	return out
}
