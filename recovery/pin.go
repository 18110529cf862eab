package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// Pinned is a checkpoint, with the log behind it up to End, whose files stay
// where they are until Release. Merges, relocations and checkpoints go on
// meanwhile, and remove them later.
type Pinned struct {
	FS         vfs.FS
	LogID      uint64
	Checkpoint *manifest.Checkpoint
	End        wal.LSN   // everything below is durable; a frame's end
	Time       time.Time // of the pin
	Files      []manifest.StoredFile

	recovered *Recovered
	held      map[string]bool // full names
}

// Pin takes a checkpoint and pins it. The caller releases it.
func (r *Recovered) Pin(ctx context.Context) (*Pinned, error) {
	r.work.Lock()
	defer r.work.Unlock()
	if r.pinned == nil {
		return nil, wal.ErrClosed
	}
	began := r.opts.Now()
	out, err := r.checkpoint(ctx)
	r.counters.checkpointed(r.opts.Now(), out, r.opts.Now().Sub(began), err)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if err := r.Log.WaitSynced(r.Log.Tail()); err != nil {
		return nil, err
	}
	m := r.manifestNow()
	p := &Pinned{
		FS: r.opts.FS, LogID: m.LogID, Checkpoint: m.Checkpoint, End: r.Log.Synced(), Time: r.opts.Now(),
		recovered: r, held: map[string]bool{},
	}
	p.Files = m.Checkpoint.Stored(r.opts.Dir, r.opts.Storage.ColdDir)
	for _, f := range p.Files {
		p.held[f.Path] = true
	}
	p.Files = append(p.Files, manifest.StoredLog(r.opts.Dir, r.Log.Files(), m.Checkpoint.File, p.End)...)
	r.pinned[p] = struct{}{}
	return p, nil
}

// Release ends the pin and removes what nobody else needs. What cannot be
// removed now is left to a later checkpoint. After Recovered.Close, which ends
// all pins, it does nothing.
func (p *Pinned) Release() {
	r := p.recovered
	switch {
	case !p.release():
	case r.running.Load():
		signal(r.offload) // the cold directory may hang
	default:
		r.dropRetired()
	}
}

// release is Release but for what is retired, and reports whether p was pinned.
func (p *Pinned) release() bool {
	r := p.recovered
	r.work.Lock()
	defer r.work.Unlock()
	if _, held := r.pinned[p]; !held {
		return false
	}
	delete(r.pinned, p)
	err := r.discard()
	if _, rerr := r.releaseLog(); rerr != nil {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		r.opts.Log.Warn().Err(err).Msg("what a backup held stays for now")
	}
	return true
}

// unpin ends all pins for good: the directory is about to be somebody else's.
func (r *Recovered) unpin() {
	r.work.Lock()
	defer r.work.Unlock()
	r.pinned = nil
}

// Pace lets others go first; it is called between pieces of work.
func (p *Pinned) Pace(ctx context.Context) error { return p.recovered.pause(ctx) }

// isPinned says that the file of that name may not be removed yet. r.work is
// held.
func (r *Recovered) isPinned(name string) bool {
	for p := range r.pinned {
		if p.held[name] {
			return true
		}
	}
	return false
}
