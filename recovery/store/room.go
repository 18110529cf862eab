package store

import (
	"fmt"
	"math"
	"syscall"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
)

// The log does not get the last of the disk: only checkpoints and compaction
// free what it takes, and they need room themselves. So a full disk is one on
// which another log file would leave too little for them, and after a delete
// they can free what was deleted.

// compactionShare bounds the room that is kept for a compaction to that fraction
// of the file system. It is at most one segment in any case.
const compactionShare = 32

// room returns an error unless the log may take that many bytes more of the disk
// for a file that is full when the log ends at end.
func (st *Store) room(end wal.LSN, bytes int64) error {
	free, total, err := st.opts.FS.Free(st.opts.Dir)
	if err != nil {
		return nil // writes show then whether the disk is full
	}
	need := bytes + st.headroom(end, total)
	if free < uint64(need) {
		return fmt.Errorf("a log file and the checkpoint after it need %s, and %s are free: %w",
			health.Size(need), health.Size(int64(min(free, math.MaxInt64))), syscall.ENOSPC)
	}
	return nil
}

// headroom returns how many bytes checkpoints and compaction may need by the
// time that the log ends at end: the segments of all records that are only in
// the log, with their indexes, the snapshots before and after, one compaction,
// and the reserves if they are yet to be made.
func (st *Store) headroom(end wal.LSN, total uint64) int64 {
	log := int64(end - st.current.get().Checkpoint.ReplayStart())
	need := log + log/8 + 2*st.snapshotBytes.Load()
	need += min(st.opts.Settings.Segment.Bytes, int64(min(total/compactionShare, math.MaxInt64)))
	if st.current.reserve.Missing() != nil {
		need += 3 * st.opts.Settings.ReserveBytes
	}
	return need
}

// compactionRoom returns how many bytes a compaction may write. It frees more
// than that in the end.
func (st *Store) compactionRoom() float64 {
	free, _, err := st.opts.FS.Free(st.dir(manifest.SegmentDir))
	if err != nil {
		return math.Inf(1)
	}
	return float64(free)
}
