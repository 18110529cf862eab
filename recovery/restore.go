package recovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/segment"
)

// restore brings back the state of the manifest's checkpoint, or of the one
// before it if that cannot be read. Without either the registry is empty and
// the whole log is replayed.
func (r *Recovered) restore(context.Context) error {
	m := &r.manifest
	r.cache = segment.NewCache(r.opts.Storage.CacheBytes)
	a := &r.archive
	a.fsys, a.from, a.to, a.most = r.opts.FS, r.dir(manifest.LogDir), r.opts.Storage.ArchiveDir, r.opts.Storage.ArchiveMaxBytes
	a.finished, a.copied, a.log, a.wake = r.finishedFiles, r.archived, r.opts.Log, make(chan struct{}, 1)
	a.far.now, a.far.patience = r.opts.Now, archivePatience
	r.far.now, r.far.patience = r.opts.Now, coldPatience
	r.Registry = topics.New(r.opts.Topics)
	if m.Checkpoint == nil {
		return nil
	}
	var err error
	if r.live, err = r.restoreFrom(m.Checkpoint); err == nil {
		return nil
	}
	if damaged := new(manifest.CorruptionError); !errors.As(err, &damaged) {
		return err
	}
	r.Report.CheckpointFallback = err.Error()
	r.opts.Log.Warn().Err(err).Msg("recovering from the checkpoint before")
	m.EndLSN = uint64(m.Durable()) // what the newer one proves still holds
	if m.Checkpoint = m.Previous; m.Checkpoint == nil {
		return nil // the log is there from its beginning
	}
	live, perr := r.restoreFrom(m.Previous)
	if perr != nil {
		return errors.Join(err, perr)
	}
	r.live, r.liveBefore = live, live
	return nil
}

// restoreFrom fills the registry from one checkpoint and returns what was live
// at it.
func (r *Recovered) restoreFrom(c *manifest.Checkpoint) (topics.Liveness, error) {
	state, err := manifest.ReadSnapshot(r.opts.FS, r.dir(manifest.SnapshotDir), c)
	if err != nil {
		return nil, err
	}
	segs, err := r.openSegments(c.Segments, r.manifest.LogID)
	if err != nil {
		return nil, err
	}
	r.segments = segs
	live, err := r.Registry.Restore(state, segs)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %d: %w", c.Number, err)
	}
	r.stateBytes.Store(int64(len(state)))
	r.Report.Checkpoint, r.Report.StateBytes, r.Report.Segments = manifest.SnapshotName(c.Number), int64(len(state)), len(segs)
	return live, nil
}
