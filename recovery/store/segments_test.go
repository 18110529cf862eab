package store

import (
	"testing"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Between the manifest of a checkpoint and its end, the oldest checkpoint is one
// whose liveness is not the one before yet. Nothing is compacted then.
func TestNothingIsCompactedByAnOlderLiveness(t *testing.T) {
	checkpoint := func(number uint64) *manifest.Checkpoint {
		return &manifest.Checkpoint{Number: number, Segments: []manifest.SegmentRef{{ID: 0}}}
	}
	s, c := newSegmentSet(0), &current{}
	s.restore([]*segment.Segment{{}})
	s.checkpointed(nil, liveAt{1, index.Liveness{}})
	s.checkpointed(nil, liveAt{2, index.Liveness{}})
	for _, test := range []struct {
		oldest uint64
		want   int
	}{{1, 1}, {2, 0}} {
		c.mu.manifest.Previous = checkpoint(test.oldest)
		segs, _ := s.compactable(c)
		if len(segs) != test.want {
			t.Errorf("%d segments of checkpoint %d can be compacted by the liveness of checkpoint 1, want %d", len(segs), test.oldest, test.want)
		}
	}
	s.checkpointed(nil, liveAt{3, index.Liveness{}})
	if segs, _ := s.compactable(c); len(segs) != 1 {
		t.Errorf("%d segments can be compacted once the checkpoint has ended, want 1", len(segs))
	}
}
