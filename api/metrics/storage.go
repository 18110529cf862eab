package metrics

import "time"

// StorageStats are the storage's gauges, and its counts since the start.
type StorageStats struct {
	Checkpoints, CheckpointFailures uint64
	CheckpointSeconds               float64       // that the last one took
	CheckpointAge                   time.Duration // since the last one; 0 if there was none

	ReplayBytes              int64 // of the log, that a start at this moment would read
	LogBytes                 int64 // on disk
	LogFiles                 int
	LogReleased, LogRecycled uint64 // files

	Segments, SegmentsCold            int   // all, and those of them that are cold
	SegmentBytes, SegmentBytesCold    int64 // of data; all, and what of it is cold
	SegmentIndexBytes, SegmentRecords int64

	Merges                                            uint64
	MergeReadBytes, MergeWrittenBytes, ReclaimedBytes uint64
	Relocations                                       uint64 // segments moved to the cold directory

	CacheHits, CacheMisses  uint64
	Reads, ReadsWaiting     int // of the disks: under way, and waiting for others
	CacheBytes              int64
	WorkBytes, MaxWorkBytes int64 // of buffers of the work in the background, and what they may have

	ArchivedFiles, ArchiveFailures uint64
	ArchiveWaitingFiles            int   // that the log keeps because they are not archived yet
	ArchiveWaitingBytes            int64 // of them

	ReserveMissing int // 1 if the space kept for a full disk is not all there

	VerifyRuns, VerifyDamaged uint64
	VerifyAge                 time.Duration // since the last scrub; 0 if there was none

	DamagedReads uint64
	LastError    string // of the last attempt; empty if it succeeded
}

// storageSeries is what the storage counts. A field is the name of its family
// without topics_ and _total.
var storageSeries = []series{
	{"topics_checkpoints_total", "checkpoints", func(r *Readings) any { return float64(r.Storage.Checkpoints) }},
	{"topics_checkpoint_failures_total", "checkpoint_failures", func(r *Readings) any { return float64(r.Storage.CheckpointFailures) }},
	{"topics_checkpoint_duration_seconds", "checkpoint_duration_seconds", func(r *Readings) any { return r.Storage.CheckpointSeconds }},
	{"topics_checkpoint_age_seconds", "checkpoint_age_seconds", func(r *Readings) any { return r.Storage.CheckpointAge.Seconds() }},
	{"topics_replay_bytes", "replay_bytes", func(r *Readings) any { return float64(r.Storage.ReplayBytes) }},
	{"topics_wal_files", "wal_files", func(r *Readings) any { return float64(r.Storage.LogFiles) }},
	{"topics_wal_size_bytes", "wal_size_bytes", func(r *Readings) any { return float64(r.Storage.LogBytes) }},
	{"topics_wal_files_released_total", "wal_files_released", func(r *Readings) any { return float64(r.Storage.LogReleased) }},
	{"topics_wal_files_recycled_total", "wal_files_recycled", func(r *Readings) any { return float64(r.Storage.LogRecycled) }},
	{"topics_segments", "segments", func(r *Readings) any { return float64(r.Storage.Segments) }},
	{"topics_cold_segments", "cold_segments", func(r *Readings) any { return float64(r.Storage.SegmentsCold) }},
	{"topics_segment_bytes", "segment_bytes", func(r *Readings) any { return float64(r.Storage.SegmentBytes) }},
	{"topics_cold_segment_bytes", "cold_segment_bytes", func(r *Readings) any { return float64(r.Storage.SegmentBytesCold) }},
	{"topics_segment_index_bytes", "segment_index_bytes", func(r *Readings) any { return float64(r.Storage.SegmentIndexBytes) }},
	{"topics_segment_records", "segment_records", func(r *Readings) any { return float64(r.Storage.SegmentRecords) }},
	{"topics_merges_total", "merges", func(r *Readings) any { return float64(r.Storage.Merges) }},
	{"topics_merge_read_bytes_total", "merge_read_bytes", func(r *Readings) any { return float64(r.Storage.MergeReadBytes) }},
	{"topics_merge_written_bytes_total", "merge_written_bytes", func(r *Readings) any { return float64(r.Storage.MergeWrittenBytes) }},
	{"topics_reclaimed_bytes_total", "reclaimed_bytes", func(r *Readings) any { return float64(r.Storage.ReclaimedBytes) }},
	{"topics_relocations_total", "relocations", func(r *Readings) any { return float64(r.Storage.Relocations) }},
	{"topics_cache_hits_total", "cache_hits", func(r *Readings) any { return float64(r.Storage.CacheHits) }},
	{"topics_cache_misses_total", "cache_misses", func(r *Readings) any { return float64(r.Storage.CacheMisses) }},
	{"topics_cache_bytes", "cache_bytes", func(r *Readings) any { return float64(r.Storage.CacheBytes) }},
	{"topics_work_bytes", "work_bytes", func(r *Readings) any { return float64(r.Storage.WorkBytes) }},
	{"topics_work_max_bytes", "work_max_bytes", func(r *Readings) any { return float64(r.Storage.MaxWorkBytes) }},
	{"topics_disk_reads_in_flight", "disk_reads_in_flight", func(r *Readings) any { return float64(r.Storage.Reads) }},
	{"topics_disk_reads_waiting", "disk_reads_waiting", func(r *Readings) any { return float64(r.Storage.ReadsWaiting) }},
	{"topics_archived_files_total", "archived_files", func(r *Readings) any { return float64(r.Storage.ArchivedFiles) }},
	{"topics_archive_failures_total", "archive_failures", func(r *Readings) any { return float64(r.Storage.ArchiveFailures) }},
	{"topics_archive_waiting_files", "archive_waiting_files", func(r *Readings) any { return float64(r.Storage.ArchiveWaitingFiles) }},
	{"topics_archive_waiting_bytes", "archive_waiting_bytes", func(r *Readings) any { return float64(r.Storage.ArchiveWaitingBytes) }},
	{"topics_reserve_missing", "reserve_missing", func(r *Readings) any { return float64(r.Storage.ReserveMissing) }},
	{"topics_verify_runs_total", "verify_runs", func(r *Readings) any { return float64(r.Storage.VerifyRuns) }},
	{"topics_verify_damaged_total", "verify_damaged", func(r *Readings) any { return float64(r.Storage.VerifyDamaged) }},
	{"topics_verify_age_seconds", "verify_age_seconds", func(r *Readings) any { return r.Storage.VerifyAge.Seconds() }},
	{"topics_backup_last_success_timestamp_seconds", "backup_last_success_timestamp_seconds", func(r *Readings) any { return r.LastBackup }},
	{"topics_backup_last_verified_timestamp_seconds", "backup_last_verified_timestamp_seconds", func(r *Readings) any { return r.LastVerified }},
	{"topics_damaged_reads_total", "damaged_reads", func(r *Readings) any { return float64(r.Storage.DamagedReads) }},
	{"topics_storage_failing", "storage_failing", func(r *Readings) any { return float64(bit(r.Storage.LastError != "")) }},
	{"", "last_error", func(r *Readings) any { return r.Storage.LastError }},
}
