package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/e6e95bb8/topics/api/admin"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/recovery/backup"
	"github.com/e6e95bb8/topics/recovery/health"
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

// Checkpoint implements admin.Storage.
func (v storageView) Checkpoint(ctx context.Context) (any, error) {
	return withData(v.server, func(d *recovery.Recovered) (any, error) { return d.Checkpoint(ctx) })
}

// Verify implements admin.Storage.
func (v storageView) Verify(ctx context.Context) (any, error) {
	return withData(v.server, func(d *recovery.Recovered) (any, error) { return d.Verify(ctx) })
}

// StartVerify implements admin.Storage.
func (v storageView) StartVerify() error {
	_, err := withData(v.server, func(d *recovery.Recovered) (any, error) { return nil, d.StartVerify() })
	return err
}

// VerifyState implements admin.Storage.
func (v storageView) VerifyState() any {
	if d := v.data.Load(); d != nil {
		return d.VerifyState()
	}
	return store.ScrubState{State: store.ScrubIdle}
}

// Erase implements admin.Storage.
func (v storageView) Erase(ctx context.Context) (any, error) {
	return withData(v.server, func(d *recovery.Recovered) (any, error) { return d.Erase(ctx) })
}

// StartErasure implements admin.Storage.
func (v storageView) StartErasure() error {
	_, err := withData(v.server, func(d *recovery.Recovered) (any, error) { return nil, d.StartErasure() })
	return err
}

// ErasureState implements admin.Storage.
func (v storageView) ErasureState() any {
	if d := v.data.Load(); d != nil {
		return d.ErasureState()
	}
	return store.ErasureState{State: store.ErasureIdle}
}

// Backup implements admin.Storage. How it ended is added to the account of backups.
func (v storageView) Backup(ctx context.Context, w io.Writer) error {
	_, err := withData(v.server, func(d *recovery.Recovered) (any, error) {
		attempt := backup.Attempt{StartedAt: time.Now().UTC(), Outcome: backup.Failed}
		sent := &countingWriter{w: w}
		desc, err := backup.Stream(ctx, d.Store, sent)
		attempt.FinishedAt, attempt.Bytes = time.Now().UTC(), sent.n
		if desc != nil {
			attempt.ThroughTS = desc.Time.UnixMilli()
		}
		if err == nil {
			attempt.Outcome = backup.Good
		}
		if err := v.backups.Load().Add(attempt); err != nil {
			v.log.Warn().Err(err).Msg("the account of backups could not be written")
		}
		return nil, err
	})
	return err
}

// countingWriter counts the bytes that w took.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// pastBackups returns the last backups as /v0/admin/backups shows them.
func (s *server) pastBackups() any {
	if h := s.backups.Load(); h != nil {
		return h.Past()
	}
	return backup.Past{Backups: []backup.Attempt{}}
}

// openAccount opens the account of backups.
func (s *server) openAccount() {
	h, err := backup.OpenHistory(s.fs, s.config.DataDir, time.Now)
	if err != nil {
		s.log.Warn().Err(err).Msg("the account of backups begins anew")
	}
	s.backups.Store(h)
}

// watchBackups registers the health check of the backups' age, if there is a limit.
func (s *server) watchBackups() {
	h, limit := s.backups.Load(), s.config.BackupMaxAge
	if limit == 0 {
		return
	}
	if err := h.Begin(); err != nil {
		s.log.Warn().Err(err).Msg("the account of backups could not be written")
	}
	s.health.Register("backups", func() health.Condition { return h.Check(limit) })
}

// lastBackup returns when the last good backup ended, in Unix seconds; 0 if there
// was none.
func (s *server) lastBackup() float64 {
	h := s.backups.Load()
	if h == nil || h.LastGood().IsZero() {
		return 0
	}
	return float64(h.LastGood().UnixMilli()) / 1000
}

// backupVerified notes that a copy of a backup was checked and has no fault.
func (s *server) backupVerified(through int64) (time.Time, error) {
	h := s.backups.Load()
	if h == nil {
		return time.Time{}, errNoData
	}
	at, err := h.Verified(through)
	if errors.Is(err, backup.ErrUnknown) {
		return at, admin.ErrNoBackup
	}
	return at, storageError(err)
}

// lastVerified returns when a backup was last reported as verified, in Unix
// seconds; 0 if none was.
func (s *server) lastVerified() float64 {
	h := s.backups.Load()
	if h == nil || h.LastVerified().IsZero() {
		return 0
	}
	return float64(h.LastVerified().UnixMilli()) / 1000
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
	var room *store.RoomError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &room):
		refused.Kind, refused.Message = record.KindNoSpace, room.Error()
	case errors.Is(err, store.ErrErasing):
		refused.Kind, refused.Message = record.KindThrottled, err.Error()
		refused.Detail = map[string]any{"retry_after_ms": 1000}
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

// Stats implements admin.Storage.
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
		WorkBytes: s.WorkBytes, MaxWorkBytes: s.MaxWorkBytes,
		Reads: reads.Reading, ReadsWaiting: reads.Waiting,
		ArchivedFiles: s.ArchivedFiles, ArchiveFailures: s.ArchiveFailures,
		ArchiveWaitingFiles: s.ArchiveWaiting.Files, ArchiveWaitingBytes: s.ArchiveWaiting.Bytes,
		ReserveMissing: reserve,
		VerifyRuns:     s.VerifyRuns, VerifyDamaged: s.VerifyDamaged, VerifyAge: s.VerifyAge,
		DamagedReads: d.Registry.Totals().DamagedReads, LastError: s.LastError,
	}
}
