package main

import (
	"context"
	"errors"
	"io"

	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/store"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// storageView gives the HTTP side, which of recovery imports only the health
// checks, access to the storage. It is empty until there is data; until then
// the gate keeps requests from using it.
type storageView struct{ *server }

var errNoData = errors.New("there is no data yet")

// Checkpoint implements api.Storage.
func (v storageView) Checkpoint(ctx context.Context) (any, error) {
	return withData(v.server, func(d *recovery.Recovered) (any, error) { return d.Checkpoint(ctx) })
}

// Verify implements api.Storage.
func (v storageView) Verify(ctx context.Context) (any, error) {
	return withData(v.server, func(d *recovery.Recovered) (any, error) { return d.Verify(ctx) })
}

// StartVerify implements api.Storage.
func (v storageView) StartVerify() error {
	_, err := withData(v.server, func(d *recovery.Recovered) (any, error) { return nil, d.StartVerify() })
	return err
}

// VerifyState implements api.Storage.
func (v storageView) VerifyState() any {
	if d := v.data.Load(); d != nil {
		return d.VerifyState()
	}
	return store.ScrubState{State: store.ScrubIdle}
}

// Backup implements api.Storage.
func (v storageView) Backup(ctx context.Context, w io.Writer) error {
	_, err := withData(v.server, func(d *recovery.Recovered) (any, error) { return nil, backup.Stream(ctx, d.Store, w) })
	return err
}

func withData[T any](s *server, use func(*recovery.Recovered) (T, error)) (out T, err error) {
	if d := s.data.Load(); d != nil {
		out, err = use(d)
		return out, storageError(err)
	}
	return out, errNoData
}

// storageError converts an error of the storage to the one that a client gets
// for a failed write with the same cause.
func storageError(err error) error {
	refused := record.Error{Err: err}
	switch {
	case err == nil:
		return nil
	case vfs.NoSpace(err), errors.Is(err, wal.ErrDiskFull):
		refused.Kind, refused.Message = record.KindNoSpace, "the disk is full"
	case errors.Is(err, wal.ErrNoFile):
		refused.Kind, refused.Message = record.KindUnavailable, "the log cannot make its next file at the moment"
		refused.Detail = map[string]any{"retry_after_ms": 1000}
	case errors.Is(err, wal.ErrReadOnly):
		refused.Kind, refused.Message = record.KindReadOnly, "the log is read-only"
	case errors.Is(err, wal.ErrClosed), errors.Is(err, context.Canceled):
		refused.Kind, refused.Message = record.KindClosed, "the server is shutting down"
	default:
		return err
	}
	return &refused
}

// Stats implements api.Storage.
func (v storageView) Stats() metrics.StorageStats {
	d := v.data.Load()
	if d == nil {
		return metrics.StorageStats{}
	}
	s, log, reads := d.StorageStats(), d.Log.Stats(), v.disks.Total()
	reserve := 0
	if s.ReserveMissing {
		reserve = 1
	}
	return metrics.StorageStats{
		Checkpoints: s.Checkpoints, CheckpointFailures: s.CheckpointFailures,
		CheckpointSeconds: s.CheckpointTook.Seconds(), CheckpointAge: s.CheckpointAge,
		ReplayBytes: s.ReplayBytes,
		LogBytes:    log.Bytes, LogFiles: log.Files, LogReleased: log.Freed, LogRecycled: log.Recycled,
		Segments: s.Segments, SegmentsCold: s.SegmentsCold,
		SegmentBytes: s.SegmentBytes, SegmentBytesCold: s.SegmentBytesCold,
		SegmentIndexBytes: s.SegmentIndexBytes, SegmentRecords: s.SegmentRecords,
		Merges: s.Merges, MergeReadBytes: s.MergeReadBytes, MergeWrittenBytes: s.MergeWrittenBytes,
		ReclaimedBytes: s.MergeReadBytes - min(s.MergeReadBytes, s.MergeWrittenBytes),
		Relocations:    s.Relocations,
		CacheHits:      s.Cache.Hits, CacheMisses: s.Cache.Misses, CacheBytes: s.Cache.Bytes,
		Reads: reads.Reading, ReadsWaiting: reads.Waiting,
		ArchivedFiles: s.ArchivedFiles, ArchiveFailures: s.ArchiveFailures,
		ArchiveWaitingFiles: s.ArchiveWaiting.Files, ArchiveWaitingBytes: s.ArchiveWaiting.Bytes,
		ReserveMissing: reserve,
		VerifyRuns:     s.VerifyRuns, VerifyDamaged: s.VerifyDamaged, VerifyAge: s.VerifyAge,
		DamagedReads: d.Registry.Totals().DamagedReads, LastError: s.LastError,
	}
}
