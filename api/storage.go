package api

import (
	"context"
	"io"
	"time"
)

// Storage is what the admin routes and the metrics need of what lies below the
// topics: the log's files, checkpoints and segments. Reports are rendered as
// JSON and must marshal to an object. Errors that are no *topics.Error reach
// the client as internal, with their words.
type Storage interface {
	// Checkpoint takes a checkpoint now and returns its account.
	Checkpoint(ctx context.Context) (report any, err error)
	// Verify checks all that is stored and returns what it found. Calls at the
	// same time share one check, which outlasts a call whose ctx ends. Damage is
	// part of the report and no error.
	Verify(ctx context.Context) (report any, err error)
	// Backup writes a consistent copy to w, as a tar. An error of w ends it.
	Backup(ctx context.Context, w io.Writer) error
	// Stats is cheap and safe to call at any time.
	Stats() StorageStats
}

// StorageStats are the storage's gauges of now, and its counts since the
// start.
type StorageStats struct {
	Checkpoints, CheckpointFailures uint64
	CheckpointSeconds               float64       // that the last one took
	CheckpointAge                   time.Duration // since the last one; 0: there was none

	LogBytes                 int64 // on disk
	LogFiles                 int
	LogReleased, LogRecycled uint64 // files

	Segments, SegmentsCold            int   // all, and those of them that are cold
	SegmentBytes, SegmentBytesCold    int64 // of data; all, and what of it is cold
	SegmentIndexBytes, SegmentRecords int64

	Merges                                            uint64
	MergeReadBytes, MergeWrittenBytes, ReclaimedBytes uint64
	Relocations                                       uint64 // segments moved to the cold directory

	CacheHits, CacheMisses uint64
	Reads, ReadsWaiting    int // of the disks: under way, and waiting for others
	CacheBytes             int64

	ArchivedFiles, ArchiveFailures uint64
	ArchiveWaitingFiles            int   // that the log keeps because they are not archived yet
	ArchiveWaitingBytes            int64 // of them

	ReserveMissing int // 1: the space kept for a full disk is not all there

	VerifyRuns, VerifyDamaged uint64
	VerifyAge                 time.Duration // since the last scrub; 0: there was none

	DamagedReads uint64
	LastError    string // of the last attempt; empty: it worked
}

// storageSeries is every series of the storage. In the text it is a family of
// this name after topics_, in JSON a field of this name without _total.
var storageSeries = []struct {
	name  string
	value func(*StorageStats) float64
}{
	{"checkpoints_total", func(s *StorageStats) float64 { return float64(s.Checkpoints) }},
	{"checkpoint_failures_total", func(s *StorageStats) float64 { return float64(s.CheckpointFailures) }},
	{"checkpoint_duration_seconds", func(s *StorageStats) float64 { return s.CheckpointSeconds }},
	{"checkpoint_age_seconds", func(s *StorageStats) float64 { return s.CheckpointAge.Seconds() }},
	{"wal_files", func(s *StorageStats) float64 { return float64(s.LogFiles) }},
	{"wal_size_bytes", func(s *StorageStats) float64 { return float64(s.LogBytes) }},
	{"wal_files_released_total", func(s *StorageStats) float64 { return float64(s.LogReleased) }},
	{"wal_files_recycled_total", func(s *StorageStats) float64 { return float64(s.LogRecycled) }},
	{"segments", func(s *StorageStats) float64 { return float64(s.Segments) }},
	{"cold_segments", func(s *StorageStats) float64 { return float64(s.SegmentsCold) }},
	{"segment_bytes", func(s *StorageStats) float64 { return float64(s.SegmentBytes) }},
	{"cold_segment_bytes", func(s *StorageStats) float64 { return float64(s.SegmentBytesCold) }},
	{"segment_index_bytes", func(s *StorageStats) float64 { return float64(s.SegmentIndexBytes) }},
	{"segment_records", func(s *StorageStats) float64 { return float64(s.SegmentRecords) }},
	{"merges_total", func(s *StorageStats) float64 { return float64(s.Merges) }},
	{"merge_read_bytes_total", func(s *StorageStats) float64 { return float64(s.MergeReadBytes) }},
	{"merge_written_bytes_total", func(s *StorageStats) float64 { return float64(s.MergeWrittenBytes) }},
	{"reclaimed_bytes_total", func(s *StorageStats) float64 { return float64(s.ReclaimedBytes) }},
	{"relocations_total", func(s *StorageStats) float64 { return float64(s.Relocations) }},
	{"cache_hits_total", func(s *StorageStats) float64 { return float64(s.CacheHits) }},
	{"cache_misses_total", func(s *StorageStats) float64 { return float64(s.CacheMisses) }},
	{"cache_bytes", func(s *StorageStats) float64 { return float64(s.CacheBytes) }},
	{"disk_reads_in_flight", func(s *StorageStats) float64 { return float64(s.Reads) }},
	{"disk_reads_waiting", func(s *StorageStats) float64 { return float64(s.ReadsWaiting) }},
	{"archived_files_total", func(s *StorageStats) float64 { return float64(s.ArchivedFiles) }},
	{"archive_failures_total", func(s *StorageStats) float64 { return float64(s.ArchiveFailures) }},
	{"archive_waiting_files", func(s *StorageStats) float64 { return float64(s.ArchiveWaitingFiles) }},
	{"archive_waiting_bytes", func(s *StorageStats) float64 { return float64(s.ArchiveWaitingBytes) }},
	{"reserve_missing", func(s *StorageStats) float64 { return float64(s.ReserveMissing) }},
	{"verify_runs_total", func(s *StorageStats) float64 { return float64(s.VerifyRuns) }},
	{"verify_damaged_total", func(s *StorageStats) float64 { return float64(s.VerifyDamaged) }},
	{"verify_age_seconds", func(s *StorageStats) float64 { return s.VerifyAge.Seconds() }},
	{"damaged_reads_total", func(s *StorageStats) float64 { return float64(s.DamagedReads) }},
	{"storage_failing", func(s *StorageStats) float64 { return float64(bit(s.LastError != "")) }},
}
