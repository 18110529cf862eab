package recovery

import (
	"sync"
	"time"

	"github.com/e6e95bb8/topics/recovery/health"
	"github.com/e6e95bb8/topics/topics/segment"
)

// counters count what the background did since the start.
type counters struct {
	mu          sync.Mutex
	checkpoints uint64
	failures    uint64 // of checkpoints, merges and relocations
	took        time.Duration
	last        time.Time
	lastError   string // of the last attempt; empty: it worked
	merges      uint64
	mergeRead   uint64 // bytes
	mergeWrote  uint64
	relocated   uint64
	verified    uint64
	damaged     uint64
	verifiedAt  time.Time
}

func (c *counters) checkpointed(now time.Time, out Checkpointed, took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failures++
		c.lastError = err.Error()
		return
	}
	c.last, c.lastError = now, ""
	if !out.Unchanged {
		c.checkpoints++
		c.took = took
	}
}

func (c *counters) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures++
	c.lastError = err.Error()
}

func (c *counters) merged(read, wrote int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.merges++
	c.mergeRead += uint64(read)
	c.mergeWrote += uint64(wrote)
}

func (c *counters) scrubbed(now time.Time, damaged int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified++
	c.damaged += uint64(damaged)
	c.verifiedAt = now
}

// CheckpointsCheck is the health of the background: degraded while its last
// attempt failed. The log is not cut then, and space not given back.
func (r *Recovered) CheckpointsCheck() health.Condition {
	if s := r.counters.stats(r.opts.Now()); s.LastError != "" {
		return health.Condition{Status: health.Degraded, Reason: s.LastError}
	}
	return health.Condition{}
}

// StorageStats are the segments, the log's files, and what the background did
// with them since the start.
type StorageStats struct {
	Checkpoints, CheckpointFailures   uint64
	CheckpointTook, CheckpointAge     time.Duration // of the last, and since it; 0: there was none
	LastError                         string        // of the last attempt; empty: it worked
	Segments, SegmentsCold            int
	SegmentBytes, SegmentBytesCold    int64 // data
	SegmentIndexBytes, SegmentRecords int64
	Merges                            uint64
	MergeReadBytes, MergeWrittenBytes uint64
	Relocations                       uint64
	Cache                             segment.CacheStats
	ArchivedFiles, ArchiveFailures    uint64
	ArchiveWaiting                    Backlog
	ReserveMissing                    bool // see ReserveCheck
	VerifyRuns, VerifyDamaged         uint64
	VerifyAge                         time.Duration // since the last scrub; 0: there was none
}

// StorageStats reports the present state.
func (r *Recovered) StorageStats() StorageStats {
	now := r.opts.Now()
	s := r.counters.stats(now)
	r.mu.Lock()
	for _, seg := range r.segments {
		s.Segments++
		s.SegmentRecords += seg.Records()
		s.SegmentIndexBytes += seg.IndexBytes()
		if s.SegmentBytes += seg.DataBytes(); seg.Cold() {
			s.SegmentsCold++
			s.SegmentBytesCold += seg.DataBytes()
		}
	}
	r.mu.Unlock()
	s.Cache = r.cache.Stats()
	s.ReserveMissing = r.reserve.Missing() != nil
	s.ArchivedFiles, s.ArchiveFailures, s.ArchiveWaiting = r.archive.stats()
	return s
}

func (c *counters) stats(now time.Time) StorageStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return 0
		}
		return max(now.Sub(t), 1)
	}
	return StorageStats{
		Checkpoints: c.checkpoints, CheckpointFailures: c.failures,
		CheckpointTook: c.took, CheckpointAge: since(c.last), LastError: c.lastError,
		Merges: c.merges, MergeReadBytes: c.mergeRead, MergeWrittenBytes: c.mergeWrote,
		Relocations: c.relocated,
		VerifyRuns:  c.verified, VerifyDamaged: c.damaged, VerifyAge: since(c.verifiedAt),
	}
}
