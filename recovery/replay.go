package recovery

import (
	"context"
	"errors"

	"github.com/e6e95bb8/topics/topics/entry"
	"github.com/e6e95bb8/topics/wal"
)

// replay reads the log into the registry and opens it. If the log could not be
// synced when it was opened, the page cache is not to be trusted: replay records
// that in the manifest and reads once more what can be read now, as after a
// power cut. If that fails, too, recovery refuses.
func (s *start) replay(ctx context.Context) error {
	err := s.openLog(ctx)
	if !errors.As(err, new(*wal.SyncError)) {
		return err
	}
	s.opts.Log.Warn().Err(err).Msg("the log could not be synced; what was not synced before counts as lost, as after a power cut")
	s.store.RecordFailure()
	s.store.CloseSegments()
	again := NewReport(s.report.Started)
	again.Phases, again.ManifestFallback = s.report.Phases, s.report.ManifestFallback
	again.CheckpointFallback = s.report.CheckpointFallback // the manifest begins at the older checkpoint by now
	again.CleanShutdown, again.PowerLost = s.report.CleanShutdown, true
	s.report = again
	if err := s.restore(ctx); err != nil {
		return err
	}
	return s.openLog(ctx)
}

// openLog reads the log into the registry and opens it.
func (s *start) openLog(ctx context.Context) error {
	tail, err := s.readLog(ctx)
	if err != nil {
		return err
	}
	err = s.makeDirs()
	if err == nil {
		err = s.store.EndFallback()
	}
	if err != nil {
		tail.Close()
		return err
	}
	return s.store.OpenLog(tail)
}

// readLog reads the log into the registry, from the checkpoint's start on.
func (s *start) readLog(ctx context.Context) (*wal.Tail, error) {
	registry := s.store.Registry
	o := s.store.LogOptions(s.logOptions)
	o.Cut = func(f wal.Frame) {
		s.report.FramesTruncated++
		s.report.RecordsTruncated += int64(entry.Count(f.Type, f.Payload))
	}
	replay, err := wal.Open(o)
	if err != nil {
		return nil, err
	}
	s.report.Files = replay.Files()
	progress, err := follow(s.opts.Gate, replay, s.store.Manifest().Checkpoint.ReplayThrough())
	if err != nil {
		return nil, err
	}
	registry.Replay().Refer(replay.NewReader)
	tail, err := replay.Run(func(f wal.Frame) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.report.Frames++
		s.report.Bytes += int64(f.End - f.LSN)
		progress.applied(f)
		return registry.Replay().Frame(f)
	}, progress.read)
	s.report.Records = registry.Replay().Records()
	if err != nil {
		return nil, err
	}
	s.report.BytesTruncated = tail.Truncated
	return tail, nil
}
