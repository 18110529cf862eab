package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"sync"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// coldStepLimit is how long one step of the work on the cold directory may take.
const coldStepLimit = 2 * time.Minute

// coldTier is the cold directory: the lock on it, who owns it, and how it
// responds.
type coldTier struct {
	dir     string // empty if there is none
	fsys    vfs.FS
	current *current
	remote  remote

	work sync.Mutex // held while segments are offloaded to the directory or compacted in it

	// mu guards what follows. Whatever removes files for the cold directory's
	// sake holds it from the claim on, so that a copy of the data directory
	// cannot come in between.
	mu    sync.Mutex
	lock  vfs.Held       // nil if there is no cold directory, or none any more
	owner manifest.Owner // that this process wrote; zero if it could not yet
}

// EnterCold takes the lock of the cold directory before anything is read from
// it. It refuses a directory that belongs to another data directory, or to a
// copy of this one that has gone on.
func (st *Store) EnterCold() error { return st.cold.enter() }

func (t *coldTier) enter() error {
	if t.dir == "" {
		return nil
	}
	lock, lockErr := t.fsys.Hold(t.dir, vfs.Exclusive)
	if lockErr == nil {
		t.lock = lock
	}
	owner, err := manifest.ReadOwner(t.fsys, t.dir)
	if err == nil {
		err = t.current.get().Owns(t.dir, owner)
	}
	if err != nil {
		return err
	}
	if held := new(vfs.LockedError); errors.As(lockErr, &held) {
		return fmt.Errorf("cold directory %s is in use by another process: "+
			"every data directory, and every copy of one, needs a cold directory of its own", t.dir)
	}
	if lockErr != nil {
		return fmt.Errorf("locking cold directory %s: %w", t.dir, lockErr)
	}
	return nil
}

// leave releases the cold directory. Nothing in it is changed after that.
func (t *coldTier) leave() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	lock := t.lock
	if lock == nil {
		return nil
	}
	t.lock = nil
	return lock.Close()
}

// check returns an error unless the cold directory is this data directory's.
func (t *coldTier) check() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := t.checkLocked()
	return err
}

// checkLocked is check, and returns the owner. The caller holds t.mu.
func (t *coldTier) checkLocked() (manifest.Owner, error) {
	none := manifest.Owner{}
	if t.lock == nil {
		return none, wal.ErrClosed
	}
	if err := t.lock.Check(); err != nil {
		return none, fmt.Errorf("cold directory: %w", err)
	}
	owner, err := manifest.ReadOwner(t.fsys, t.dir)
	if err != nil {
		return none, err
	}
	if owner == none && owner != t.owner {
		return none, fmt.Errorf("%s is gone: nothing is moved to that directory or removed from it until the next start",
			path.Join(t.dir, manifest.OwnerName))
	}
	return owner, t.current.get().Owns(t.dir, owner)
}

// claimOnce claims the cold directory unless this process has done so.
func (t *coldTier) claimOnce() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner != (manifest.Owner{}) {
		return nil
	}
	t.remote.step()
	err := t.claimLocked()
	t.remote.end(err)
	return err
}

// claimLocked gives the cold directory a new generation, drawn at random, so
// that copies of this data directory made before cannot use it any more. The
// caller holds t.mu.
//
// Both manifests name the new generation, and the one before it, before OWNER
// has the new one. So what a crash leaves in OWNER is one of the two, and this
// directory can go on. A copy made earlier knows only the one before: it is
// accepted until OWNER has the new one, and then this directory, or the copy if
// that came first, is refused.
//
// What the cold directory gains and what is removed for its sake is in this
// order: the file is durable, a manifest names it or ceases to name it, the
// generation is new, the file that is not needed any more goes. So a copy that
// is accepted finds all that it names, there or in its own directory.
func (t *coldTier) claimLocked() error {
	owner, err := t.checkLocked()
	if err != nil {
		return err
	}
	// What was read may be what a killed process left, and not durable.
	if err := t.fsys.SyncDir(t.dir); err != nil {
		return fmt.Errorf("claiming %s: %w", t.dir, err)
	}
	next := manifest.Owner{Instance: t.current.get().Instance, Generation: rand.Uint64() | 1}
	for range 2 { // MANIFEST, and then MANIFEST.prev with it
		err := t.current.commit(func(m *manifest.Manifest) { m.ColdBefore, m.ColdGeneration = owner.Generation, next.Generation })
		if err != nil {
			return err
		}
	}
	if err := next.Write(t.fsys, t.dir); err != nil {
		return fmt.Errorf("claiming %s: %w", t.dir, err)
	}
	t.owner = next
	return nil
}
