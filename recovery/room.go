package recovery

import (
	"fmt"
	"math"
	"syscall"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
)

// The log is not given the last of the disk: what it takes can only be given
// back by checkpoints and merges, which need room themselves. So a full disk
// is one on which another log file would leave too little for them, and after
// a delete they can free what it freed.

// mergeShare bounds what is kept for a merge: of the file system, and in any
// case no more than one segment.
const mergeShare = 32

// room reports whether the log may take so many bytes more of the disk for a
// file that is full when the log ends at end.
func (r *Recovered) room(end wal.LSN, bytes int64) error {
	free, total, err := r.opts.FS.Free(r.opts.Dir)
	if err != nil {
		return nil // then the file system says when it is full
	}
	need := bytes + r.headroom(end, total)
	if free < uint64(need) {
		return fmt.Errorf("a log file and the checkpoint after it need %s, and %s are free: %w",
			health.Size(need), health.Size(int64(min(free, math.MaxInt64))), syscall.ENOSPC)
	}
	return nil
}

// headroom is what checkpoints and merges may need by the time that the log
// ends at end: the segments of all records that are only in the log, with
// their indexes, the state before and after, one merge, and the reserves if
// they are yet to be laid up.
func (r *Recovered) headroom(end wal.LSN, total uint64) int64 {
	log := int64(end - r.manifestNow().Checkpoint.ReplayStart())
	need := log + log/8 + 2*r.stateBytes.Load()
	need += min(r.opts.Storage.SegmentBytes, int64(min(total/mergeShare, math.MaxInt64)))
	if r.reserve.Missing() != nil {
		need += 3 * r.opts.Storage.ReserveBytes
	}
	return need
}

// mergeRoom is how much a merge may write. It gives back more than that when
// it is through.
func (r *Recovered) mergeRoom() float64 {
	free, _, err := r.opts.FS.Free(r.dir(manifest.SegmentDir))
	if err != nil {
		return math.Inf(1)
	}
	return float64(free)
}

// spendSnapshotReserve frees the reserve for the snapshot of a checkpoint. It
// reports whether anything was freed. The background makes the reserve again.
func (r *Recovered) spendSnapshotReserve() bool {
	r.commits.Lock()
	defer r.commits.Unlock()
	return r.reserve.SpendForSnapshot()
}
