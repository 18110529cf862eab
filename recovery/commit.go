package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/e6e95bb8/topics/recovery/manifest"
	"github.com/e6e95bb8/topics/topics/segment"
	"github.com/e6e95bb8/topics/wal"
)

// errUncertain says that a manifest may be durable or not: whatever either
// names has to stay until two later ones are, and none on disk can be it.
var errUncertain = errors.New("the manifest may have changed or not")

// manifestNow is the manifest as it is. Its checkpoints are never changed in
// place.
func (r *Recovered) manifestNow() *manifest.Manifest {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.manifest
	return &m
}

// commit changes the manifest and makes that durable.
func (r *Recovered) commit(change func(*manifest.Manifest)) error {
	r.commits.Lock()
	defer r.commits.Unlock()
	if r.givenUp() {
		return fmt.Errorf("%w: %w", errUncertain, wal.ErrClosed) // what it was to name is not ours to remove
	}
	next := *r.manifestNow()
	change(&next)
	if err := r.reserve.WriteManifest(&next); err != nil {
		return fmt.Errorf("%w: %w", errUncertain, err)
	}
	r.setManifest(&next)
	return nil
}

// setManifest makes m the manifest as it is. r.commits is held.
func (r *Recovered) setManifest(m *manifest.Manifest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manifest = *m
}

// remove removes files that were to be named by a manifest, which failed with
// that error: at once, or, if that manifest may be durable, when no manifest on
// disk can name them any more. What cannot be removed is tried again. r.work is
// held.
func (r *Recovered) remove(failed error, names []string) {
	if errors.Is(failed, errUncertain) {
		r.garbage, r.uncertain = append(r.garbage, names...), true
		return
	}
	for _, name := range names {
		err := r.opts.FS.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.garbage = append(r.garbage, name)
		}
	}
}

// discard removes the files that the manifest no longer names. Before that it
// writes it once more, so that the previous manifest does not name them
// either, nor log files that are released next; and twice after a manifest of
// which it is not known whether it is durable. What is pinned or cannot be
// removed is left for the next time. r.work is held.
func (r *Recovered) discard() error {
	if r.uncertain {
		if err := r.commit(func(*manifest.Manifest) {}); err != nil {
			return err
		}
		r.uncertain = false
	}
	if !r.outdated && !slices.ContainsFunc(r.garbage, func(name string) bool { return !r.isPinned(name) }) {
		return nil
	}
	if err := r.commit(func(*manifest.Manifest) {}); err != nil {
		return err
	}
	r.outdated = false
	r.garbage = slices.DeleteFunc(r.garbage, func(name string) bool {
		if r.isPinned(name) {
			return false
		}
		err := r.opts.FS.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.opts.Log.Warn().Err(err).Msg("a file that is not needed any more stays")
			return false
		}
		return true
	})
	return nil
}

// tidy claims the cold directory, and removes what a crash left there and in
// the directories of segments and states. It runs before anything is written to
// them. A cold directory that cannot be written now is no reason not to start.
// A manifest that this start made knows of nothing, and proves nothing to be
// garbage.
func (r *Recovered) tidy() error {
	for _, dir := range []string{r.dir(manifest.SegmentDir), r.dir(manifest.SnapshotDir)} {
		names, err := r.opts.FS.List(dir)
		if err != nil {
			return fmt.Errorf("list %s: %w", dir, err)
		}
		for _, name := range names {
			switch full := path.Join(dir, name); {
			case !r.orphan(dir, name):
			case r.wasMoved(name):
				r.retired = append(r.retired, full)
			default:
				r.garbage = append(r.garbage, full)
			}
		}
	}
	if r.first {
		r.garbage, r.retired = nil, nil
	}
	if err := r.tidyCold(); err != nil {
		return err
	}
	return r.discard()
}

// orphan reports whether no checkpoint of the manifest names the file, and keeps
// the counters of names above all that there are.
func (r *Recovered) orphan(dir, name string) bool {
	m := r.manifestNow() // the log may have moved on to another file, and noteFile sets it
	if dir == r.dir(manifest.SnapshotDir) {
		number, ok := manifest.ParseSnapshot(name)
		if !ok {
			return name == manifest.TempSnapshotName
		}
		r.nextCheckpoint = max(r.nextCheckpoint, number)
		return !m.Checkpoint.Is(number) && !m.Previous.Is(number)
	}
	id, kind, ok := segment.ParseName(name)
	if !ok {
		return false
	}
	r.nextSegment = max(r.nextSegment, id)
	for _, c := range []*manifest.Checkpoint{m.Checkpoint, m.Previous} {
		if ref, ok := c.Segment(id); ok {
			hot := dir == r.dir(manifest.SegmentDir)
			return kind == segment.Partial || kind == segment.Data && hot == ref.Cold
		}
	}
	return true
}

// fileOf is the index of the log file that holds a durable position.
func (r *Recovered) fileOf(at wal.LSN) (index uint64) {
	for _, f := range r.Log.Files() {
		if f.First <= at {
			index = f.Index
		}
	}
	return index
}
