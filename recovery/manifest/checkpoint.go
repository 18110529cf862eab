package manifest

import (
	"path"
	"slices"

	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// The directories in a data directory.
const (
	LogDir      = "wal"
	SegmentDir  = "segments"
	SnapshotDir = "checkpoints"
)

// Dirs returns the full names of the directories in the data directory dir.
func Dirs(dir string) []string {
	return []string{path.Join(dir, LogDir), path.Join(dir, SegmentDir), path.Join(dir, SnapshotDir)}
}

// Checkpoint is a point from which recovery can begin: a snapshot of the state
// of all topics, the segments with their records, and the position from which
// the log is read on.
type Checkpoint struct {
	Number   uint64       `json:"number"` // names the snapshot's file
	Start    uint64       `json:"start"`  // position in the log
	File     uint64       `json:"file"`   // index of the log file that holds Start
	Segments []SegmentRef `json:"segments"`
	// Through is a position that no part of the snapshot goes beyond: topics
	// are copied to it one after the other while writers go on. Time is a
	// moment, in Unix ms, at which all of it was there. Both are 0 if unknown.
	Through uint64 `json:"through,omitempty"`
	Time    int64  `json:"time_ms,omitempty"`
	Sum     uint64 `json:"state_sum,omitempty"` // of the snapshot; 0 if unknown
}

// SegmentRef names a segment of a checkpoint.
type SegmentRef struct {
	ID   uint64 `json:"id"`
	Cold bool   `json:"cold,omitempty"` // its data is in the cold directory
}

// Segment returns the checkpoint's reference to a segment, and false if it does
// not need that segment.
func (c *Checkpoint) Segment(id uint64) (SegmentRef, bool) {
	if c == nil {
		return SegmentRef{}, false
	}
	i := slices.IndexFunc(c.Segments, func(s SegmentRef) bool { return s.ID == id })
	if i < 0 {
		return SegmentRef{}, false
	}
	return c.Segments[i], true
}

// Is reports whether c is the checkpoint with that number.
func (c *Checkpoint) Is(number uint64) bool { return c != nil && c.Number == number }

// With returns the checkpoint with the segments gone, which are next to each
// other in it, replaced by others. It returns c if c has none of them.
func (c *Checkpoint) With(gone []uint64, by []SegmentRef) *Checkpoint {
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

// ReplayStart returns the position from which the log is replayed.
func (c *Checkpoint) ReplayStart() wal.LSN {
	if c == nil {
		return 0
	}
	return wal.LSN(c.Start)
}

// ReplayThrough returns the position before which a replay meets mostly what
// the snapshot has, or 0 if it is unknown.
func (c *Checkpoint) ReplayThrough() wal.LSN {
	if c == nil {
		return 0
	}
	return wal.LSN(c.Through)
}

// StoredFile is a file of a data directory, or of its cold directory.
type StoredFile struct {
	Name string // in the data directory; with forward slashes
	Path string // where it is
	Size int64  // how many bytes of it count; negative if all do
}

// Stored returns the files of the checkpoint in a data directory, without the
// log: its snapshot, then its segments. If some are cold, cold must be their
// directory.
func (c *Checkpoint) Stored(dir, cold string) []StoredFile {
	snapshot := path.Join(SnapshotDir, SnapshotName(c.Number))
	files := []StoredFile{{snapshot, path.Join(dir, snapshot), -1}}
	for _, ref := range c.Segments {
		data, index := path.Join(SegmentDir, segment.DataName(ref.ID)), path.Join(SegmentDir, segment.IndexName(ref.ID))
		at := path.Join(dir, data)
		if ref.Cold {
			at = path.Join(cold, segment.DataName(ref.ID))
		}
		files = append(files, StoredFile{data, at, -1}, StoredFile{index, path.Join(dir, index), -1})
	}
	return files
}

// StoredLog returns the log files from index from on, each with as many bytes as
// count if the log ends at end.
func StoredLog(dir string, logs []wal.File, from uint64, end wal.LSN) (files []StoredFile) {
	for _, f := range logs {
		if f.Index < from || f.First > end {
			continue
		}
		f.End = min(f.End, end)
		name := path.Join(LogDir, f.Name)
		files = append(files, StoredFile{name, path.Join(dir, name), f.Bytes()})
	}
	return files
}
