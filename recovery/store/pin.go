package store

import (
	"context"
	"errors"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Pinned is a checkpoint, with the log from its start to End, whose files stay
// where they are until Release. Checkpoints, compaction and offloading go on
// meanwhile, and remove them later.
type Pinned struct {
	FS         vfs.FS
	LogID      uint64
	Checkpoint *manifest.Checkpoint
	End        wal.LSN   // everything below is durable; a frame's end
	Time       time.Time // of the pin
	Files      []manifest.StoredFile

	store *Store
	held  map[string]bool // full names
}

// Pin takes a checkpoint and pins it. The caller releases it.
func (st *Store) Pin(ctx context.Context) (*Pinned, error) {
	st.work.Lock()
	defer st.work.Unlock()
	pins := st.work.obsolete.pins
	if pins == nil {
		return nil, wal.ErrClosed
	}
	if _, err := st.checkpointLocked(ctx); err != nil {
		return nil, err
	}
	if err := st.Log.WaitSynced(st.Log.Tail()); err != nil {
		return nil, err
	}
	m := st.current.get()
	p := &Pinned{
		FS: st.opts.FS, LogID: m.LogID, Checkpoint: m.Checkpoint, End: st.Log.Synced(), Time: st.opts.Now(),
		store: st, held: map[string]bool{},
	}
	p.Files = m.Checkpoint.Stored(st.opts.Dir, st.cold.dir)
	for _, f := range p.Files {
		p.held[f.Path] = true
	}
	p.Files = append(p.Files, manifest.StoredLog(st.opts.Dir, st.Log.Files(), m.Checkpoint.File, p.End)...)
	pins[p] = struct{}{}
	return p, nil
}

// Release ends the pin and removes the files that only it kept. What cannot be
// removed now is left to a later checkpoint. After Store.Close, which ends all
// pins, it does nothing.
func (p *Pinned) Release() {
	st := p.store
	switch {
	case !p.unpin():
	case st.running.Load():
		signal(st.coldWorkDue) // the cold directory may hang
	default:
		st.dropRetired()
	}
}

// unpin is Release without the retired files. It reports whether p was pinned.
func (p *Pinned) unpin() bool {
	st := p.store
	st.work.Lock()
	defer st.work.Unlock()
	obsolete := &st.work.obsolete
	if _, held := obsolete.pins[p]; !held {
		return false
	}
	delete(obsolete.pins, p)
	err := obsolete.discard()
	_, truncateErr := st.truncateLocked()
	if err = errors.Join(err, truncateErr); err != nil {
		st.opts.Log.Warn().Err(err).Msg("files that a backup held could not be removed; will retry")
	}
	signal(st.filesReleased)
	return true
}

// endPins ends all pins for good: the directory is about to be given up.
func (st *Store) endPins() {
	st.work.Lock()
	defer st.work.Unlock()
	st.work.obsolete.pins = nil
}

// Pace lets requests go first. It is called between pieces of work.
func (p *Pinned) Pace(ctx context.Context) error { return p.store.pause(ctx) }
