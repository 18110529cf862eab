package store

import (
	"sync"
	"time"

	"github.com/e6e95bb8/topics/topics/segment"
)

// counters count what the background did since the start.
type counters struct {
	mu sync.Mutex // guards what follows

	checkpoints  uint64
	failures     uint64 // of checkpoints, compactions and offloads
	took         time.Duration
	last         time.Time
	lastError    string // of the last attempt; empty if it succeeded
	compactions  uint64
	readBytes    uint64 // by compactions
	writtenBytes uint64 // by compactions
	offloads     uint64
	scrubs       uint64
	damages      uint64 // found by scrubs
	scrubbedAt   time.Time
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

func (c *counters) compacted(read, wrote int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compactions++
	c.readBytes += uint64(read)
	c.writtenBytes += uint64(wrote)
}

func (c *counters) offloaded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offloads++
}

func (c *counters) scrubbed(now time.Time, damages int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scrubs++
	c.damages += uint64(damages)
	c.scrubbedAt = now
}

// StorageStats are the segments, the archive and the reserves as they are, and
// what the background did since the start.
type StorageStats struct {
	Checkpoints, CheckpointFailures   uint64
	CheckpointTook, CheckpointAge     time.Duration // of the last checkpoint, and since it; 0 if there was none
	LastError                         string        // of the last attempt; empty if it succeeded
	ReplayBytes                       int64         // of the log after the last checkpoint
	Segments, SegmentsCold            int
	SegmentBytes, SegmentBytesCold    int64 // of data
	SegmentIndexBytes, SegmentRecords int64
	Merges                            uint64
	MergeReadBytes, MergeWrittenBytes uint64
	Relocations                       uint64
	Cache                             segment.CacheStats
	WorkBytes, MaxWorkBytes           int64 // of buffers of the work in the background, and what they may have
	ArchivedFiles, ArchiveFailures    uint64
	ArchiveWaiting                    Backlog
	ReserveMissing                    bool // see ReserveCheck
	VerifyRuns, VerifyDamaged         uint64
	VerifyAge                         time.Duration // since the last scrub; 0 if there was none
}

// StorageStats returns the present state.
func (st *Store) StorageStats() StorageStats {
	s := st.counters.stats(st.opts.Now())
	for _, seg := range st.segments.all() {
		s.Segments++
		s.SegmentRecords += seg.Records()
		s.SegmentIndexBytes += seg.IndexBytes()
		s.SegmentBytes += seg.DataBytes()
		if seg.Cold() {
			s.SegmentsCold++
			s.SegmentBytesCold += seg.DataBytes()
		}
	}
	s.ReplayBytes = int64(st.Log.Tail() - st.current.get().Checkpoint.ReplayStart())
	s.Cache = st.cache.Stats()
	s.WorkBytes, s.MaxWorkBytes = st.buffers.used.Load(), st.buffers.most
	s.ReserveMissing = st.current.reserve.Missing() != nil
	s.ArchivedFiles, s.ArchiveFailures = st.archive.files.Load(), st.archive.failures.Load()
	s.ArchiveWaiting = st.archive.backlog()
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
		Merges: c.compactions, MergeReadBytes: c.readBytes, MergeWrittenBytes: c.writtenBytes,
		Relocations: c.offloads,
		VerifyRuns:  c.scrubs, VerifyDamaged: c.damages, VerifyAge: since(c.scrubbedAt),
	}
}
