package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal/vfs"
)

// obsolete is the files that are to be removed, and the pins that keep them.
// Store.work guards it.
type obsolete struct {
	fsys    vfs.FS
	log     zerolog.Logger
	current *current

	garbage []string // to be removed once neither manifest names them
	// retired are the files that copies of the data directory may still name.
	// Removing them takes a claim of the cold directory; see Store.dropRetired.
	retired []string
	// previousOutdated means that MANIFEST.prev may name an older checkpoint
	// than the manifest's two.
	previousOutdated bool
	failed           error                // why a file was left at the last attempt; nil if none was
	uncertain        bool                 // the manifest on the disk may be one whose write failed
	pins             map[*Pinned]struct{} // their files stay; nil once the store is closed
}

// undo removes files that were made for a manifest whose commit failed with err:
// at once, or, if that manifest may be durable, when no manifest on the disk can
// name them any more. It retries later what cannot be removed.
func (o *obsolete) undo(err error, names []string) {
	if errors.Is(err, errUncertain) {
		o.garbage, o.uncertain = append(o.garbage, names...), true
		return
	}
	for _, name := range names {
		err := o.fsys.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			o.garbage = append(o.garbage, name)
		}
	}
}

// discard removes the garbage. Before that it writes the manifest once more, so
// that MANIFEST.prev does not name it either, nor log files that are released
// next; and twice after a manifest that may be durable or not. Files that are
// pinned or cannot be removed are left for the next time.
func (o *obsolete) discard() error {
	if o.uncertain {
		if err := o.current.rewrite(); err != nil {
			return err
		}
		o.uncertain = false
	}
	if !o.previousOutdated && len(o.unpinned(o.garbage)) == 0 {
		return nil
	}
	if err := o.current.rewrite(); err != nil {
		return err
	}
	o.previousOutdated, o.failed = false, nil
	o.garbage = slices.DeleteFunc(o.garbage, func(name string) bool {
		if o.isPinned(name) {
			return false
		}
		err := o.fsys.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			o.failed = err
			o.log.Warn().Err(err).Msg("an obsolete file could not be removed; will retry")
			return false
		}
		return true
	})
	return nil
}

// retire adds files to those that copies of the data directory may still name.
func (o *obsolete) retire(names ...string) { o.retired = append(o.retired, names...) }

// unpinned returns the names that no pin keeps.
func (o *obsolete) unpinned(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), o.isPinned)
}

// isPinned reports whether a pin keeps the file of that name.
func (o *obsolete) isPinned(name string) bool {
	for p := range o.pins {
		if p.held[name] {
			return true
		}
	}
	return false
}

// removeLeftovers claims the cold directory, and removes what a crash left there
// and in the directories of segments and snapshots. It runs before anything is
// written to them. A cold directory that cannot be written is no reason not to
// start. A manifest that this start made proves no file to be garbage.
func (st *Store) removeLeftovers() error {
	if err := st.collectLeftovers(); err != nil {
		return err
	}
	if err := st.removeColdLeftovers(); err != nil {
		return err
	}
	st.work.Lock()
	defer st.work.Unlock()
	return st.work.obsolete.discard()
}

// collectLeftovers adds what a crash left in the data directory to the obsolete
// files.
func (st *Store) collectLeftovers() error {
	st.work.Lock()
	defer st.work.Unlock()
	var garbage, retired []string
	for _, dir := range []string{st.dir(manifest.SegmentDir), st.dir(manifest.SnapshotDir)} {
		names, err := st.opts.FS.List(dir)
		if err != nil {
			return fmt.Errorf("list %s: %w", dir, err)
		}
		for _, name := range names {
			switch full := path.Join(dir, name); {
			case !st.unnamedLocked(dir, name):
			case st.offloaded(name):
				retired = append(retired, full)
			default:
				garbage = append(garbage, full)
			}
		}
	}
	if !st.created {
		st.work.obsolete.garbage, st.work.obsolete.retired = garbage, retired
	}
	return nil
}

// unnamedLocked reports whether no checkpoint of the manifest names the file. It
// keeps new numbers and ids above those in names. The caller holds st.work.
func (st *Store) unnamedLocked(dir, name string) bool {
	m := st.current.get()
	if dir == st.dir(manifest.SnapshotDir) {
		number, ok := manifest.ParseSnapshot(name)
		if !ok {
			return name == manifest.TempSnapshotName
		}
		st.work.lastCheckpoint = max(st.work.lastCheckpoint, number)
		return !m.Checkpoint.Is(number) && !m.Previous.Is(number)
	}
	id, kind, ok := segment.ParseName(name)
	if !ok {
		return false
	}
	st.segments.seen(id)
	for _, c := range m.Checkpoints() {
		if ref, ok := c.Segment(id); ok {
			hot := dir == st.dir(manifest.SegmentDir)
			return kind == segment.Partial || kind == segment.Data && hot == ref.Cold
		}
	}
	return true
}

// offloaded reports whether the file of that name in the directory of segments
// is data that a checkpoint has in the cold directory.
func (st *Store) offloaded(name string) bool {
	id, kind, ok := segment.ParseName(name)
	if !ok || kind != segment.Data {
		return false
	}
	for _, c := range st.current.get().Checkpoints() {
		if ref, ok := c.Segment(id); ok && ref.Cold {
			return true
		}
	}
	return false
}
