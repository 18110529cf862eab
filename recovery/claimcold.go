package recovery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"sync"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// coldClaim is the hold on the cold directory. Its lock stands before all
// others but upkeep: whatever removes files for the cold directory's sake holds
// it from the claim on.
type coldClaim struct {
	mu    sync.Mutex
	lock  vfs.Held       // nil if there is no cold directory, or none any more
	owner manifest.Owner // that this process wrote; zero if it could not yet
}

// enterCold takes the lock of the cold directory before anything is read from
// it. A directory that belongs to another data directory, or to a copy of this
// one that has gone on, is refused.
func (r *Recovered) enterCold() error {
	dir := r.opts.Storage.ColdDir
	if dir == "" {
		return nil
	}
	lock, lockErr := r.opts.FS.Hold(dir, vfs.Exclusive)
	if lockErr == nil {
		r.cold.lock = lock
	}
	owner, err := manifest.ReadOwner(r.opts.FS, dir)
	if err == nil {
		err = r.manifest.Owns(dir, owner)
	}
	if err != nil {
		return err
	}
	if held := new(vfs.LockedError); errors.As(lockErr, &held) {
		return fmt.Errorf("cold directory %s is in use by another process: "+
			"every data directory, and every copy of one, needs a cold directory of its own", dir)
	}
	if lockErr != nil {
		return fmt.Errorf("locking cold directory %s: %w", dir, lockErr)
	}
	return nil
}

// leaveCold gives the cold directory's lock back. After that nothing in it is
// changed.
func (r *Recovered) leaveCold() error {
	r.cold.mu.Lock()
	defer r.cold.mu.Unlock()
	lock := r.cold.lock
	if lock == nil {
		return nil
	}
	r.cold.lock = nil
	return lock.Close()
}

// checkColdLocked returns an error unless the cold directory is still this data
// directory's. r.cold.mu is held.
func (r *Recovered) checkColdLocked() (manifest.Owner, error) {
	dir := r.opts.Storage.ColdDir
	if r.cold.lock == nil {
		return manifest.Owner{}, wal.ErrClosed
	}
	if err := r.cold.lock.Check(); err != nil {
		return manifest.Owner{}, fmt.Errorf("cold directory: %w", err)
	}
	owner, err := manifest.ReadOwner(r.opts.FS, dir)
	if err != nil {
		return manifest.Owner{}, err
	}
	if owner == (manifest.Owner{}) && owner != r.cold.owner {
		return manifest.Owner{}, fmt.Errorf("%s is gone: nothing is moved to that directory or removed from it until the next start", path.Join(dir, manifest.OwnerName))
	}
	return owner, r.manifestNow().Owns(dir, owner)
}

// claimColdLocked gives the cold directory a new generation, drawn at random, so that
// copies of this data directory made before cannot use it any more.
//
// Both manifests name the new generation, and the one before it, before OWNER
// has it. So whatever a crash leaves there is one of the two, and this directory
// can go on. A copy made earlier knows only the one before: it is accepted
// until OWNER has the new one, and then this directory, or the copy if that
// came first, is refused.
//
// What the cold directory gains and what is removed for its sake is in this
// order: the file is durable, a manifest names it or ceases to name it, the
// generation is new, the file that is not needed any more goes. So a copy that
// is accepted finds all that it names, there or in its own directory.
// r.cold.mu is held.
func (r *Recovered) claimColdLocked() error {
	dir := r.opts.Storage.ColdDir
	owner, err := r.checkColdLocked()
	if err != nil {
		return err
	}
	// What was read may be what a killed process left, and not durable.
	if err := r.opts.FS.SyncDir(dir); err != nil {
		return fmt.Errorf("claiming %s: %w", dir, err)
	}
	next := manifest.Owner{Instance: r.manifestNow().Instance, Generation: rand.Uint64() | 1}
	for range 2 {
		err := r.commit(func(m *manifest.Manifest) { m.ColdBefore, m.ColdGeneration = owner.Generation, next.Generation })
		if err != nil {
			return err
		}
	}
	if err := next.Write(r.opts.FS, dir); err != nil {
		return fmt.Errorf("claiming %s: %w", dir, err)
	}
	r.cold.owner = next
	return nil
}
