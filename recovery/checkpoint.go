package recovery

import (
	"fmt"
	"slices"

	"github.com/e6e95bb8/topics/wal"
)

// The directories in a data directory.
const (
	walDir     = "wal"
	segmentDir = "segments"
	stateDir   = "checkpoints"
)

// Checkpoint is a place where recovery can begin: the state of all topics, the
// segments with their records, and the position from which the log is read on.
type Checkpoint struct {
	Number   uint64       `json:"number"` // names the state's file
	Start    uint64       `json:"start"`  // position in the log
	File     uint64       `json:"file"`   // index of the log file that holds Start
	Segments []SegmentRef `json:"segments"`
	// Through is a position that no part of the state goes beyond, for topics
	// are captured one after the other while writers go on; Time, in Unix ms,
	// a moment at which all of it was there. 0: not known.
	Through uint64 `json:"through,omitempty"`
	Time    int64  `json:"time_ms,omitempty"`
	Sum     uint64 `json:"state_sum,omitempty"` // of the state; 0: not known
}

// SegmentRef names a segment of a checkpoint.
type SegmentRef struct {
	ID   uint64 `json:"id"`
	Cold bool   `json:"cold,omitempty"` // its data is in the cold directory
}

// StateName is the base name of a checkpoint's state.
func StateName(number uint64) string { return fmt.Sprintf("%016x.state", number) }

// segment returns what the checkpoint says of a segment; false: it does not
// need it.
func (c *Checkpoint) segment(id uint64) (SegmentRef, bool) {
	if c == nil {
		return SegmentRef{}, false
	}
	i := slices.IndexFunc(c.Segments, func(s SegmentRef) bool { return s.ID == id })
	if i < 0 {
		return SegmentRef{}, false
	}
	return c.Segments[i], true
}

func (c *Checkpoint) is(number uint64) bool { return c != nil && c.Number == number }

// with returns the checkpoint with the segments gone, which stand together,
// replaced by others. A checkpoint that has none of them stays as it is.
func (c *Checkpoint) with(gone []uint64, by []SegmentRef) *Checkpoint {
	if c == nil {
		return nil
	}
	at := slices.IndexFunc(c.Segments, func(s SegmentRef) bool { return slices.Contains(gone, s.ID) })
	if at < 0 {
		return c
	}
	next := *c
	next.Segments = slices.DeleteFunc(slices.Clone(c.Segments), func(s SegmentRef) bool { return slices.Contains(gone, s.ID) })
	next.Segments = slices.Insert(next.Segments, at, by...)
	return &next
}

// oldest is the checkpoint that recovery may begin from at worst; nil: the
// log's beginning.
func (m *Manifest) oldest() *Checkpoint { return m.Previous }

// firstFile is the oldest log file that any recovery needs; 0: all of them.
func (m *Manifest) firstFile() uint64 {
	if m.Previous == nil {
		return 0
	}
	return m.Previous.File
}

// start is where the checkpoint's replay begins.
func (c *Checkpoint) start() wal.LSN {
	if c == nil {
		return 0
	}
	return wal.LSN(c.Start)
}
