package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/wal"
)

// removal is files that are to leave the disk: those that were obsolete when it
// began, and those of the log before begin.
type removal struct {
	st    *Store
	begin wal.LSN
	files []string
}

// newRemoval returns the removal of what is obsolete now.
func (st *Store) newRemoval(begin wal.LSN) removal {
	st.work.Lock()
	defer st.work.Unlock()
	o := &st.work.obsolete
	return removal{st: st, begin: begin, files: slices.Concat(o.garbage, o.retired)}
}

// removeAgain is the time between attempts to remove a file that nothing holds.
const removeAgain = 5 * time.Second

// run returns when all of it is gone, durably. waits is called with what it waits
// for, which is nothing or one of the constants, and why the disk keeps a file.
func (r *removal) run(ctx context.Context, waits func(what string, why error)) error {
	again := time.NewTicker(removeAgain)
	defer again.Stop()
	for {
		// Whatever is released after this sends on filesReleased.
		held := r.held()
		kept, err := r.remove()
		switch {
		case err != nil:
			return err
		case kept == nil:
			waits("", nil)
			return r.st.syncRemoval()
		case held == waitsForArchive && r.st.opts.WAL.Manual: // nothing archives in the background
			_, err := r.st.archive.remote.outage()
			return fmt.Errorf("log files are yet to be archived: %w", err)
		case held != "":
			kept = nil // it may be just what is held
		case errors.Is(kept, errStopped):
			return kept
		case r.st.opts.WAL.Manual: // nothing tries again in the background
			return kept
		default:
			held = waitsForDisk
		}
		waits(held, kept)
		select {
		case <-r.st.filesReleased:
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), kept)
		}
	}
}

// held returns what keeps the files, or nothing.
func (r *removal) held() string {
	st := r.st
	st.work.Lock()
	defer st.work.Unlock()
	o := &st.work.obsolete
	for p := range o.pins {
		if p.Checkpoint.ReplayStart() < r.begin || slices.ContainsFunc(r.files, o.isPinned) {
			return waitsForBackup
		}
	}
	if b := st.archive.backlog(); b.Files > 0 && b.oldest.First < r.begin {
		return waitsForArchive
	}
	return ""
}

// remove removes what it can. kept is about a file that is left, and nil if none is.
func (r *removal) remove() (kept, err error) {
	kept, err = r.st.removeHot()
	if err != nil {
		return nil, err
	}
	r.st.dropRetired()
	if name, why := r.left(); name != "" {
		return fmt.Errorf("%s could not be removed: %w", name, why), nil
	}
	if kept == nil {
		kept = r.st.removeFreed() // perhaps freed since
	}
	return kept, nil
}

// left returns the name of a file that is left, and why if nothing holds it.
func (r *removal) left() (name string, why error) {
	st := r.st
	st.work.Lock()
	defer st.work.Unlock()
	o := &st.work.obsolete
	for _, name := range slices.Concat(o.garbage, o.retired) {
		if slices.Contains(r.files, name) {
			return name, st.whyLeftLocked(name)
		}
	}
	if oldest := st.Log.Files()[0]; oldest.First < r.begin {
		return oldest.Name, errStopped // all but the last file can be freed, until the log is closed
	}
	return "", nil
}

// whyLeftLocked returns why a file that no pin keeps has not been removed. The
// caller holds st.work.
func (st *Store) whyLeftLocked(name string) error {
	err := st.work.obsolete.failed
	if slices.Contains(st.work.obsolete.retired, name) {
		_, err = st.cold.remote.outage()
	}
	if err == nil {
		return errStopped // the cold directory has been left
	}
	return err
}

// removeHot removes what is obsolete in the data directory. kept is about a file of the
// log that could not be removed, and nil if there is none.
func (st *Store) removeHot() (kept, err error) {
	st.work.Lock()
	defer st.work.Unlock()
	if err := st.work.obsolete.discard(); err != nil {
		return nil, err
	}
	_, kept = st.truncateLocked()
	return kept, st.Log.Refusal()
}

func (st *Store) removeFreed() error {
	st.work.Lock() // files are freed with it
	defer st.work.Unlock()
	return st.Log.RemoveFreed()
}

// syncRemoval makes durable that files have been removed.
func (st *Store) syncRemoval() error {
	for _, name := range []string{manifest.LogDir, manifest.SegmentDir, manifest.SnapshotDir} {
		if err := st.opts.FS.SyncDir(st.dir(name)); err != nil {
			return err
		}
	}
	if st.cold.dir == "" {
		return nil
	}
	return st.opts.FS.SyncDir(st.cold.dir)
}
