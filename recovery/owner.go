package recovery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/e6e95bb8/topics/wal"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// OwnerName is the file that says whose a cold directory is.
const OwnerName = "OWNER"

// Owner is what a cold directory says about whose it is: the instance of a data
// directory, one to a line of 16 hex digits with the generation. A copy of a
// data directory has the instance of the original; the generation tells them
// apart once one of them has gone on. The zero Owner is that of a directory
// which belongs to none. Generation 0 was written by programs that knew none.
type Owner struct {
	Instance   uint64
	Generation uint64
}

// ReadOwner returns the owner of a cold directory.
func ReadOwner(fsys vfs.FS, dir string) (Owner, error) {
	name := path.Join(dir, OwnerName)
	b, err := vfs.ReadFile(fsys, name)
	if missing(err) {
		return Owner{}, nil
	}
	if err != nil {
		return Owner{}, fmt.Errorf("reading %s: %w", name, err)
	}
	var o Owner
	if err := o.decode(b); err != nil {
		return Owner{}, &OwnerError{File: name, Cause: fmt.Sprintf("is damaged: %v: remove it if no other data directory has the cold directory", err)}
	}
	return o, nil
}

// OwnerError is why a data directory may not use a cold directory.
type OwnerError struct {
	File  string // OWNER
	Cause string
}

func (e *OwnerError) Error() string { return e.File + " " + e.Cause }

func (o *Owner) decode(b []byte) error {
	lines := strings.Fields(string(b))
	if len(lines) < 1 || len(lines) > 2 {
		return fmt.Errorf("it has %d lines, and should have an instance and a generation", len(lines))
	}
	fields := []*uint64{&o.Instance, &o.Generation}
	for i, line := range lines {
		n, err := strconv.ParseUint(line, 16, 64)
		if err != nil {
			return err
		}
		*fields[i] = n
	}
	return nil
}

func (o Owner) encode() []byte { return fmt.Appendf(nil, "%016x\n%016x\n", o.Instance, o.Generation) }

// ownerSpare is the file that becomes OWNER next. It is there beforehand, so
// that a full cold directory can be claimed, and what fills it be removed.
const ownerSpare = OwnerName + ".tmp"

// write makes o the owner of a cold directory, durably, in one step for a crash.
func (o Owner) write(fsys vfs.FS, dir string) error {
	spare := path.Join(dir, ownerSpare)
	if err := o.fill(fsys, spare); err != nil {
		return err
	}
	if err := fsys.Rename(spare, path.Join(dir, OwnerName)); err != nil {
		return err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	_ = o.fill(fsys, spare) // if there is no room, there may be the next time
	return nil
}

// fill makes o the content of the file, durably.
func (o Owner) fill(fsys vfs.FS, name string) error {
	f, err := fsys.Open(name)
	if missing(err) {
		f, err = fsys.Create(name)
	}
	if err != nil {
		return err
	}
	b := o.encode()
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Truncate(int64(len(b)))
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// coldClaim is the hold on the cold directory. Its lock stands before all
// others but upkeep: whatever removes files for the cold directory's sake holds
// it from the claim on.
type coldClaim struct {
	mu    sync.Mutex
	lock  vfs.Held // nil if there is no cold directory, or none any more
	owner Owner    // that this process wrote; zero if it could not yet
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
	owner, err := ReadOwner(r.opts.FS, dir)
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

// Owns returns an *OwnerError unless a data directory with this manifest may use
// the cold directory dir, which has that owner.
func (m *Manifest) Owns(dir string, owner Owner) error {
	e := &OwnerError{File: path.Join(dir, OwnerName)}
	switch {
	case owner == Owner{}:
		return nil
	case owner.Instance != m.Instance:
		e.Cause = fmt.Sprintf("says that the directory belongs to another data directory (%016x, this one is %016x): "+
			"use another one, or remove that file if the other is gone for good", owner.Instance, m.Instance)
		return e
	case owner.Generation != m.ColdGeneration && owner.Generation != m.ColdBefore:
		e.Cause = fmt.Sprintf("says that another copy of this data directory has gone on with the directory (generation %016x, this one has %016x): "+
			"start that copy, or remove that file if it is gone for good and topics verify finds all segments of this one",
			owner.Generation, m.ColdGeneration)
		return e
	}
	return nil
}

// checkColdLocked returns an error unless the cold directory is still this data
// directory's. r.cold.mu is held.
func (r *Recovered) checkColdLocked() (Owner, error) {
	dir := r.opts.Storage.ColdDir
	if r.cold.lock == nil {
		return Owner{}, wal.ErrClosed
	}
	if err := r.cold.lock.Check(); err != nil {
		return Owner{}, fmt.Errorf("cold directory: %w", err)
	}
	owner, err := ReadOwner(r.opts.FS, dir)
	if err != nil {
		return Owner{}, err
	}
	if owner == (Owner{}) && owner != r.cold.owner {
		return Owner{}, fmt.Errorf("%s is gone: nothing is moved to that directory or removed from it until the next start", path.Join(dir, OwnerName))
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
	next := Owner{Instance: r.manifestNow().Instance, Generation: rand.Uint64() | 1}
	for range 2 {
		err := r.commit(func(m *Manifest) { m.ColdBefore, m.ColdGeneration = owner.Generation, next.Generation })
		if err != nil {
			return err
		}
	}
	if err := next.write(r.opts.FS, dir); err != nil {
		return fmt.Errorf("claiming %s: %w", dir, err)
	}
	r.cold.owner = next
	return nil
}
