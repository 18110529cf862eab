package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics"
	"github.com/e6e95bb8/topics/topics/index"
	"github.com/e6e95bb8/topics/topics/segment"
)

// Restored is what Restore read.
type Restored struct {
	Snapshot string // its base name; empty if there was no checkpoint
	Bytes    int64  // of the snapshot's content
	Segments int
	Fallback error // why the newest checkpoint was not used; nil if it was
}

// Restore fills a new registry from the manifest's checkpoint, or from the one
// before if that one's snapshot is damaged. Without either the registry is empty
// and the whole log is to be replayed.
func (st *Store) Restore(context.Context) (out Restored, err error) {
	st.cache = segment.NewCache(st.opts.Settings.CacheBytes)
	st.Registry = topics.New(st.opts.Topics)
	m := st.current.get()
	if m.Checkpoint == nil {
		return out, nil
	}
	live, err := st.restoreFrom(m.Checkpoint, &out)
	if err == nil {
		st.segments.setLive(liveAt{m.Checkpoint.Number, live})
		return out, nil
	}
	if !errors.As(err, new(*manifest.CorruptionError)) {
		return out, err
	}
	out.Fallback = err
	st.opts.Log.Warn().Err(err).Msg("recovering from the checkpoint before")
	m.EndLSN = uint64(m.Durable()) // what the newer checkpoint proves still holds
	m.Checkpoint = m.Previous
	st.current.set(m)
	if m.Checkpoint == nil {
		return out, nil // the log is there from its beginning
	}
	live, previousErr := st.restoreFrom(m.Previous, &out)
	if previousErr != nil {
		return out, errors.Join(err, previousErr)
	}
	at := liveAt{m.Previous.Number, live}
	st.segments.setLive(at)
	st.segments.setLiveBefore(at) // both of the manifest's checkpoints are this one now
	return out, nil
}

// restoreFrom fills the registry from one checkpoint and returns what was live
// at it.
func (st *Store) restoreFrom(c *manifest.Checkpoint, out *Restored) (index.Liveness, error) {
	snapshot, err := manifest.ReadSnapshot(st.opts.FS, st.dir(manifest.SnapshotDir), c)
	if err != nil {
		return nil, err
	}
	segs, err := st.openSegments(c.Segments, st.current.get().LogID)
	if err != nil {
		return nil, err
	}
	st.segments.restore(segs)
	live, err := st.Registry.Replay().Restore(snapshot, segs)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %d: %w", c.Number, err)
	}
	st.snapshotBytes.Store(int64(len(snapshot)))
	out.Snapshot, out.Bytes, out.Segments = manifest.SnapshotName(c.Number), int64(len(snapshot)), len(segs)
	return live, nil
}
